import pytest

from duplicates.altered import DETAILED, SIMPLE
from keypoints.scenes import scene
from lookalike.errors import LibraryBusy, LibraryMissing
from lookalike.keypoints import RECIPE, STORED
from lookalike.library.copy_search import CopySearch
from lookalike.preprocessing import Limits, picture_keypoints
from lookalike.progress import Silent
from parts import Parts
from pictures import png_bytes


@pytest.fixture
def parts(tmp_path):
    with Parts(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def search(parts):
    return CopySearch(catalog=parts.catalog, folder=parts.folder, limits=Limits())


class Counted(Silent):
    def __init__(self):
        self.compared = 0

    def advance(self, steps=1):
        self.compared += steps


def run(search, **options):
    """How many images were compared."""
    counted = Counted()
    search.run(counted, **options)
    return counted.compared


def add(parts, picture):
    return parts.indexer.add_upload(png_bytes(picture), name="x")[0].id


def groups(search, **options):
    return {group.kept: sorted(group.copies) for group in search.found(**options).groups}


def test_only_new_images_are_compared_and_found_copies_stay(parts, search):
    first, copy = add(parts, scene(1)), add(parts, SIMPLE["half the size"](scene(1)))
    assert run(search) == 2
    second, other = add(parts, SIMPLE["encoded again"](scene(1))), add(parts, scene(2))
    assert run(search) == 2
    assert groups(search) == {min(first, second): sorted({first, copy, second} - {min(first, second)})}
    assert run(search) == 0
    parts.catalog.images.delete(first)
    parts.catalog.images.delete(copy)
    assert run(search) == 0
    assert groups(search) == {}
    found = search.found()
    assert (found.compared, found.public, found.without_keypoints) == (2, 2, 2)
    assert other not in found.images


def test_images_that_get_keypoints_are_compared_again(parts, search):
    ids = [add(parts, one) for one in (scene(1, size=(480, 360)), DETAILED["cut"](scene(1, size=(480, 360))))]
    assert run(search) == 2
    assert groups(search) == {}
    points = {one: picture_keypoints(parts.catalog.images.content(one), STORED, name=one).packed for one in ids}
    parts.catalog.keypoints.add(RECIPE, points)
    assert run(search) == 2
    assert groups(search) == {ids[0]: [ids[1]]}
    assert groups(search, keep="newest") == {ids[1]: [ids[0]]}


def test_a_search_that_was_stopped_goes_on(parts, search, monkeypatch):
    monkeypatch.setattr("lookalike.library.copy_search._BLOCK", 1)
    for seed in range(3):
        add(parts, scene(seed))
    answers = iter([False, True])
    assert run(search, stopped=lambda: next(answers)) == 1
    assert run(search) == 2


def test_one_process_looks_at_a_time(parts, search):
    add(parts, scene(1))
    with search.alone(), pytest.raises(LibraryBusy, match="looking for copies in this library"):
        run(search)
    assert run(search) == 1


def test_a_library_in_which_nothing_was_indexed_has_none_to_look_at(search):
    assert groups(search) == {}
    with pytest.raises(LibraryMissing, match="nothing was indexed"):
        run(search)
