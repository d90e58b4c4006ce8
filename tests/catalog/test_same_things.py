import pytest

from lookalike.catalog import same_things
from lookalike.types import SameThing

TRIANGLE = SameThing(inliers=12, outline=((0.25, 0.5), (1, 0), (0, 1)))
SQUARE = SameThing(inliers=70_000, outline=((0, 0), (1, 0), (1, 1), (0, 1)))


def test_what_is_packed_comes_back():
    found = same_things.unpack(same_things.pack({"a" * 32: TRIANGLE, "b" * 32: SQUARE}))
    assert list(found) == ["a" * 32, "b" * 32]
    assert found["a" * 32] == TRIANGLE
    assert found["b" * 32] == SameThing(inliers=65_535, outline=SQUARE.outline)


@pytest.mark.parametrize("stored", [None, b""])
def test_nothing_is_nothing(stored):
    assert same_things.unpack(stored) == {}
    assert same_things.pack({}) is None


def test_a_query_keeps_which_hits_were_verified(library, catalog):
    image_id = library.add("a")
    library.ask("q", ranked=[image_id], same_things={image_id: TRIANGLE})
    library.ask("p", ranked=[image_id])
    assert catalog.queries.get("q").same_things == {image_id: TRIANGLE}
    assert catalog.queries.get("p").same_things == {}
