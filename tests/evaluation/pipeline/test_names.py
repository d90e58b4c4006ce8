import pytest

from doubles import picture
from lookalike.catalog import content_id
from lookalike.evaluation.pipeline import find_images_named
from lookalike.types import Visibility
from parts import Parts, write_pictures


@pytest.fixture
def library(tmp_path):
    write_pictures(tmp_path / "photos" / "shoes", range(4))
    write_pictures(tmp_path / "photos" / "bags", range(4, 8))
    (tmp_path / "photos" / "bags" / "3.png").write_bytes(picture(30))
    (tmp_path / "photos" / "copy of 0.png").write_bytes(picture(0))
    (tmp_path / "photos" / "line\nbreak.png").write_bytes(picture(31))
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([tmp_path / "photos"])
        yield parts


def ids(found):
    return {name: image.id for name, image in found.images.items()}


def test_an_id_a_path_and_the_end_of_a_path_are_names(library, tmp_path):
    one = content_id(picture(1))
    absolute = str(tmp_path / "photos" / "shoes" / "1.png")
    found = find_images_named(library.catalog, [one, absolute, "shoes/1.png", "1.png"])
    assert ids(found) == dict.fromkeys([one, absolute, "shoes/1.png", "1.png"], one)
    assert found.unknown == found.ambiguous == found.hidden == ()


def test_relative_names_start_in_the_folders_given(library, tmp_path):
    folders = [tmp_path / "photos" / "bags", tmp_path / "photos" / "shoes"]
    found = find_images_named(library.catalog, ["3.png", "2.png", "../bags/5.png", "line\nbreak.png"], folders=folders)
    assert ids(found) == {
        "3.png": content_id(picture(30)),
        "2.png": content_id(picture(2)),
        "../bags/5.png": content_id(picture(5)),
        "line\nbreak.png": content_id(picture(31)),
    }


def test_a_name_that_two_images_could_have_is_not_guessed(library):
    found = find_images_named(library.catalog, ["3.png", "shoes/3.png"])
    assert found.ambiguous == ("3.png",)
    assert ids(found) == {"shoes/3.png": content_id(picture(3))}


def test_copies_are_one_image_however_they_are_named(library):
    found = find_images_named(library.catalog, ["0.png", "copy of 0.png"])
    assert set(ids(found).values()) == {content_id(picture(0))}


def test_what_nobody_may_find_is_told_apart_from_what_is_not_there(library):
    library.catalog.images.update(content_id(picture(1)), visibility=Visibility.PRIVATE)
    library.catalog.images.delete(content_id(picture(2)))
    found = find_images_named(library.catalog, ["shoes/1.png", "shoes/2.png", "nothing.png", "png", "0" * 32])
    assert found.images == {}
    assert found.hidden == ("shoes/1.png",)
    assert found.unknown == ("shoes/2.png", "nothing.png", "png", "0" * 32)
