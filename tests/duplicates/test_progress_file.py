import pytest

from lookalike.duplicates import CopyPair, ProgressFile, Reason
from lookalike.errors import StorageFailed

PAIR = CopyPair(one="a" * 32, other="b" * 32, reason=Reason.LOOK, cosine=0.9)


def test_what_was_found_is_there_for_the_next_run(tmp_path):
    first = ProgressFile(tmp_path / "found", of="this")
    first.add([PAIR])
    first.add([])
    again = ProgressFile(tmp_path / "found", of="this")
    assert (again.done, again.pairs) == (2, [PAIR])


def test_something_else_starts_anew(tmp_path):
    ProgressFile(tmp_path / "found", of="this").add([PAIR])
    other = ProgressFile(tmp_path / "found", of="that")
    assert (other.done, other.pairs) == (0, [])
    other.add([])
    assert ProgressFile(tmp_path / "found", of="this").done == 0
    assert ProgressFile(tmp_path / "found", of="that").done == 1


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_done_again(tmp_path, kept):
    file = tmp_path / "found"
    made = ProgressFile(file, of="this")
    made.add([])
    whole = file.read_bytes()
    made.add([PAIR])
    file.write_bytes(whole + file.read_bytes()[len(whole) :][:kept])
    again = ProgressFile(file, of="this")
    assert (again.done, again.pairs) == (1, [])
    again.add([PAIR])
    assert ProgressFile(file, of="this").pairs == [PAIR]


def test_a_folder_that_is_gone_is_a_failure_of_storage(tmp_path):
    with pytest.raises(StorageFailed, match="cannot be written"):
        ProgressFile(tmp_path / "gone" / "found", of="this").add([])
