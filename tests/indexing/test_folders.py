import os

import pytest

from lookalike.errors import CallerError
from lookalike.indexing import find_images, folders
from lookalike.indexing.folders import is_gone
from lookalike.indexing.selection import Selection


def names(found, root):
    return [os.path.relpath(file.path, root) for file in found.files]


@pytest.fixture
def root(tmp_path):
    for name in ["b.JPG", "a.png", "sub/c.webp", "sub/deep/d.gif", "notes.txt", ".hidden/e.png", ".f.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_images_below_a_folder_in_the_order_of_their_paths(root):
    found = find_images(root)
    assert names(found, root) == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.gif"]
    assert found.skipped == {("other", ".txt"): 1, ("hidden", ""): 1, ("hidden", "/"): 1}
    assert found.unreadable == {}


def test_one_file_is_taken_whatever_its_suffix(root):
    assert names(find_images(root / "notes.txt"), root) == ["notes.txt"]


def test_a_folder_that_is_not_there_is_an_error(root):
    with pytest.raises(CallerError, match="nothing was changed"):
        find_images(root / "gone")


def test_links_that_lead_in_a_circle_end(root):
    (root / "sub" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    assert names(find_images(root), root) == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.gif"]


def test_a_linked_folder_elsewhere_is_followed(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "z.png").write_bytes(b"x")
    (root / "link").symlink_to(elsewhere)
    assert "link/z.png" in names(find_images(root), root)


def test_the_library_itself_is_left_out(root):
    assert names(find_images(root, Selection(library=root / "sub")), root) == ["a.png", "b.JPG"]


def test_a_dangling_link_is_named_and_the_walk_goes_on(root):
    (root / "dangling.png").symlink_to(root / "nowhere.png")
    found = find_images(root)
    assert list(found.unreadable) == [str(root / "dangling.png")]
    assert len(found.files) == 4


def test_names_with_newlines_and_bytes_that_are_not_text(root):
    odd = os.fsencode(root) + b"/line\nbreak-\xff.png"
    with open(odd, "wb") as file:  # noqa: PTH123 - a Path cannot be made from these bytes in one step
        file.write(b"x")
    assert os.fsdecode(odd) in [file.path for file in find_images(root).files]


def test_each_entry_is_asked_once_whether_it_is_a_folder(root, monkeypatch):
    asked = []
    is_folder = folders._is_folder

    def watched(entry):
        asked.append(entry.path)
        return is_folder(entry)

    monkeypatch.setattr(folders, "_is_folder", watched)
    find_images(root)
    assert len(asked) == len(set(asked)) == 9


def test_what_is_gone(root):
    assert is_gone(str(root / "a" / "nowhere.png"))
    assert is_gone(str(root / "sub"))
    assert is_gone(str(root / "a.png" / "below a file"))
    assert not is_gone(str(root / ".hidden" / "e.png"))
    (root / "away").symlink_to(root / "unplugged")
    assert not is_gone(str(root / "away" / "deep" / "x.png"))
    (root / "circle").symlink_to(root / "circle")
    assert not is_gone(str(root / "circle" / "x.png"))
