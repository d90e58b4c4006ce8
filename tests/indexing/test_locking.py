import pytest
from filelock import FileLock

from lookalike.errors import LibraryBusy


def test_two_runs_at_once(parts, photos):
    with FileLock(parts.folder / "index.lock"), pytest.raises(LibraryBusy, match="nothing was changed"):
        parts.indexer.index([photos])
    assert parts.indexer.index([photos]).added == 10
