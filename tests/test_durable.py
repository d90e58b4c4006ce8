import os

import pytest

from lookalike.durable import PART, append, bytes_below, replace_file, replacing, sync_folders, whole_file
from lookalike.errors import StorageFailed


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_bytes_until_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        assert [other.suffix for other in tmp_path.iterdir() if other != path] == [PART]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch, function):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    if function == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(StorageFailed, match="file: cannot be written: No space left on device"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_block_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:  # noqa: PT012 - interrupted in the middle
        file.write(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_on_disk_before_its_name_and_the_name_before_it_returns(tmp_path, monkeypatch):
    path, events = tmp_path / "file", []
    fsync, replace = os.fsync, type(path).replace

    def synced(descriptor):
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"  # noqa: PTH112
        events.append(f"sync {kind}")
        fsync(descriptor)

    def renamed(part, target):
        events.append("rename")
        return replace(part, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(type(path), "replace", renamed)
    replace_file(path, b"bytes")
    assert events == ["sync file", "rename", "sync folder"]


def test_what_need_not_survive_a_cut_of_power_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    with replacing(tmp_path / "file", durable=False) as part:
        part.write_bytes(b"bytes")
    assert (tmp_path / "file").read_bytes() == b"bytes"


def test_a_long_name_leaves_room_for_the_part(tmp_path):
    path = tmp_path / ("x" * 255)
    replace_file(path, b"bytes")
    assert path.read_bytes() == b"bytes"


def test_appending(tmp_path, monkeypatch):
    append(tmp_path / "lines", b"one\n")
    append(tmp_path / "lines", b"two\n")
    assert (tmp_path / "lines").read_bytes() == b"one\ntwo\n"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        append(tmp_path / "lines", b"three\n")


def test_all_folders_below_one_are_synced(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync_folders(tmp_path)
    assert synced == [folder.stat().st_ino for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]


def test_bytes_below_passes_over_what_another_program_removes_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"12345")
    (tmp_path / "gone").write_bytes(b"1")
    assert bytes_below(tmp_path) == 6
    assert bytes_below(tmp_path / "gone") == 1
    listed = list(os.walk(tmp_path))
    monkeypatch.setattr(os, "walk", lambda _: listed)
    (tmp_path / "gone").unlink()
    assert bytes_below(tmp_path) == 5
