"""Which files are taken: by kind, by name, by their first bytes; pipes, devices and sockets never."""

import os
import socket

import pytest

from doubles import picture
from lookalike.errors import CallerError
from lookalike.indexing import find_images
from lookalike.indexing.selection import Selection


def names(found, root):
    return sorted(os.path.relpath(file.path, root) for file in found.files)


def test_files_without_a_suffix_are_told_by_their_first_bytes(tmp_path):
    for name in ("IMG_0001", "photo.jpg_large", "photo.jpg!d", "b.jpg?w=300", "2019.12.31 at noon"):
        (tmp_path / name).write_bytes(picture(1))
    (tmp_path / "README").write_text("BM is how this text begins")
    (tmp_path / "old.bak").write_bytes(picture(1))
    found = find_images(tmp_path)
    assert names(found, tmp_path) == ["2019.12.31 at noon", "IMG_0001", "b.jpg?w=300", "photo.jpg!d", "photo.jpg_large"]
    assert found.skipped == {("no image's suffix", ""): 1, ("other", ".bak"): 1}


def test_pipes_sockets_devices_and_links_to_them_are_skipped(tmp_path):
    os.mkfifo(tmp_path / "cam.jpg")
    os.mkfifo(tmp_path / "no-suffix")
    (tmp_path / "link.png").symlink_to(tmp_path / "cam.jpg")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.png"))
        found = find_images(tmp_path)
    assert found.files == []
    assert found.skipped == {
        ("pipe", ".jpg"): 1,
        ("pipe", ".png"): 1,
        ("pipe", ""): 1,
        ("device", ".png"): 1,
        ("socket", ".png"): 1,
    }
    assert find_images(tmp_path / "cam.jpg").skipped == {("pipe", ""): 1}


@pytest.mark.parametrize(
    "name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "__MACOSX", ".git", ".Trash-1000"]
)
def test_system_folders_are_left_out_and_named(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(picture(1))
    assert find_images(tmp_path).skipped == {("system folder", name): 1}
    assert names(find_images(tmp_path / name), tmp_path / name) == ["a.png"]  # named directly, it is meant


def test_ignore_files_hold_for_their_folder_and_the_deepest_decides(tmp_path):
    for name in ("a.png", "sub/a.png", "sub/deep/a.png", "sub/deep/b.png", "other/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(picture(1))
    (tmp_path / ".lookalikeignore").write_text("\ufeffa.png\n/other/\n", encoding="utf-8")
    (tmp_path / "sub" / "deep" / ".lookalikeignore").write_text("!a.png\n")
    found = find_images(tmp_path)
    assert names(found, tmp_path) == ["sub/deep/a.png", "sub/deep/b.png"]
    assert found.skipped[("in .lookalikeignore", "")] == 2


def test_a_damaged_ignore_file_is_said_and_the_walk_goes_on(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(1))
    (tmp_path / ".lookalikeignore").write_text("!\n")
    found = find_images(tmp_path)
    assert names(found, tmp_path) == ["a.png"]
    assert ".lookalikeignore" in found.notes[0]
    with pytest.raises(CallerError, match="--exclude"):
        find_images(tmp_path, Selection(exclude=("!",)))


def test_as_many_suffixes_as_files_are_counted_together(tmp_path):
    for number in range(600):
        (tmp_path / f"a.x{number}").write_bytes(b"")
    found = find_images(tmp_path)
    assert sum(found.skipped.values()) == 600
    assert len(found.skipped) <= 501
