import pytest

from lookalike.errors import CallerError, UnknownImage
from lookalike.types import Visibility


def test_images_are_put_in_once_and_taken_out(library):
    collections = library.catalog.collections
    a, b = library.add("a"), library.add("b")
    assert collections.add("some", [a, b, a]) == 2
    assert collections.add("some", [a]) == 0
    assert [(one.name, one.images) for one in collections.list()] == [("some", 2)]
    assert collections.remove("some", [a, "0" * 32]) == 1
    assert [image.id for image in collections.images("some")] == [b]
    collections.drop("some")
    assert list(collections.list()) == []
    assert library.catalog.images.get(b).id == b


def test_only_public_images_are_counted_and_listed(library):
    a, b = sorted([library.add("a"), library.add("b")])
    collections = library.catalog.collections
    collections.add("some", [a, b])
    library.catalog.images.update(a, visibility=Visibility.PRIVATE)
    assert [one.images for one in collections.list()] == [1]
    assert [image.id for image in collections.images("some")] == [b]
    assert [image.id for image in collections.images("some", after=b)] == []
    assert collections.counts_among([b]) == {"some": 1}
    with pytest.raises(UnknownImage):
        collections.add("some", [a], visibility=Visibility.PUBLIC)


def test_an_image_that_is_unknown_stops_the_whole_change(library):
    a = library.add("a")
    collections = library.catalog.collections
    with pytest.raises(UnknownImage):
        collections.add("some", [a, "f" * 32])
    assert list(collections.list()) == []
    collections.add("some", [a])
    with pytest.raises(UnknownImage):
        collections.change("some", add=["f" * 32], remove=[a])
    assert collections.members("some") == [a]


def test_each_change_is_another_version(library):
    a = library.add("a")
    collections = library.catalog.collections
    collections.add("some", [a])
    versions = [collections.version("some")]
    collections.remove("some", [a])
    versions.append(collections.version("some"))
    collections.add("some", [a])
    assert len({*versions, collections.version("some")}) == 3


def test_what_was_deleted_and_comes_back_is_in_its_collections_again(library):
    a = library.add("a")
    library.catalog.collections.add("some", [a])
    library.catalog.images.delete(a)
    assert list(library.catalog.collections.images("some")) == []
    library.add("a", restore=True)
    assert [image.id for image in library.catalog.collections.images("some")] == [a]


@pytest.mark.parametrize("name", ["", " a", "a,b", "a/b", "a\n", "x" * 65])
def test_a_name_is_a_word_or_a_few(library, name):
    with pytest.raises(CallerError, match="a name has 1 to 64"):
        library.catalog.collections.add(name, [library.add("a")])


def test_an_unknown_collection_is_refused(library):
    for ask in (library.catalog.collections.version, library.catalog.collections.drop):
        with pytest.raises(CallerError, match="there is none of this name"):
            ask("none")
