import os
import socket

import pytest

from lookalike.regular_files import NotRegular, TooLarge, kind_of, read_regular


def test_the_bytes_and_what_the_file_looked_like(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    content, status = read_regular(tmp_path / "a", most=5)
    assert content == b"12345"
    assert status.st_size == 5
    assert kind_of(status.st_mode) is None


def test_a_file_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"123456")
    with pytest.raises(TooLarge, match="6 bytes is above the limit of 5 bytes"):
        read_regular(tmp_path / "a", most=5)


def test_pipes_folders_devices_and_sockets_are_named_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "link": "a pipe", "socket": "a socket", ".": "a folder", "/dev/null": "a device"}
        for name, kind in kinds.items():
            with pytest.raises(NotRegular) as refusal:
                read_regular(tmp_path / name)
            assert refusal.value.strerror == f"is {kind}, not a file"
