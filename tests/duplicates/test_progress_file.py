import pytest

from lookalike.duplicates import CopyPair, ProgressFile, Reason
from lookalike.errors import StorageFailed

ONE, OTHER = "a" * 32, "b" * 32
PAIR = CopyPair(one=ONE, other=OTHER, reason=Reason.LOOK, cosine=0.9)


def test_what_was_found_is_there_for_the_next_run(tmp_path):
    first = ProgressFile(tmp_path / "found", of="this")
    first.add({ONE: True}, [PAIR])
    first.add({OTHER: False}, [])
    again = ProgressFile(tmp_path / "found", of="this")
    assert (again.compared, again.pairs) == ({ONE: True, OTHER: False}, [PAIR])


def test_an_image_that_is_compared_again_is_known_once(tmp_path):
    made = ProgressFile(tmp_path / "found", of="this")
    made.add({ONE: False}, [PAIR])
    made.add({ONE: True}, [PAIR])
    assert (made.compared, made.pairs) == ({ONE: True}, [PAIR])
    again = ProgressFile(tmp_path / "found", of="this")
    assert (again.compared, again.pairs) == ({ONE: True}, [PAIR])


def test_something_else_starts_anew(tmp_path):
    ProgressFile(tmp_path / "found", of="this").add({ONE: True}, [PAIR])
    other = ProgressFile(tmp_path / "found", of="that")
    assert (other.compared, other.pairs) == ({}, [])
    other.add({OTHER: True}, [])
    assert ProgressFile(tmp_path / "found", of="this").compared == {}
    assert ProgressFile(tmp_path / "found", of="that").compared == {OTHER: True}


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_done_again(tmp_path, kept):
    file = tmp_path / "found"
    made = ProgressFile(file, of="this")
    made.add({ONE: True}, [])
    whole = file.read_bytes()
    made.add({OTHER: True}, [PAIR])
    file.write_bytes(whole + file.read_bytes()[len(whole) :][:kept])
    again = ProgressFile(file, of="this")
    assert (again.compared, again.pairs) == ({ONE: True}, [])
    again.add({OTHER: True}, [PAIR])
    assert ProgressFile(file, of="this").pairs == [PAIR]


def test_reading_changes_nothing_where_another_process_is_writing_a_line(tmp_path):
    file = tmp_path / "found"
    ProgressFile(file, of="this").add({ONE: True}, [PAIR])
    file.write_bytes(file.read_bytes() + b'{"compared": {')
    before = file.read_bytes()
    assert ProgressFile(file, of="this").pairs == [PAIR]
    assert file.read_bytes() == before


def test_a_folder_that_is_gone_is_a_failure_of_storage(tmp_path):
    with pytest.raises(StorageFailed, match="cannot be written"):
        ProgressFile(tmp_path / "gone" / "found", of="this").add({}, [])
