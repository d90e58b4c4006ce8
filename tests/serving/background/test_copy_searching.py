import threading
from typing import Any, cast

from lookalike.errors import LibraryBusy
from lookalike.library.copy_search import CopySearch
from lookalike.serving.background import CopySearching


class Search:
    """Runs until it is let go, stopped or failing."""

    def __init__(self, fault=None):
        self.fault = fault
        self.runs = 0
        self.may_end = threading.Event()
        self.stopped_early = False

    def run(self, progress, *, stopped):
        self.runs += 1
        progress.advance(3)
        if self.fault is not None:
            raise self.fault
        while not (stopped() or self.may_end.wait(0.005)):
            pass
        self.stopped_early = stopped()


def searching_by(search: Any) -> CopySearching:
    return CopySearching(cast("CopySearch", search))


def ended(searching):
    searching._thread.join(60)
    return not searching.running


def test_one_search_runs_at_a_time():
    search = Search()
    searching = searching_by(search)
    searching.start()
    searching.start()
    assert searching.running
    search.may_end.set()
    assert ended(searching)
    assert (search.runs, searching.fault) == (1, None)
    searching.start()
    assert ended(searching)
    assert search.runs == 2


def test_stopping_ends_a_search_and_none_begins_after_that():
    search = Search()
    searching = searching_by(search)
    searching.start()
    searching.stop()
    assert search.stopped_early
    searching.start()
    assert not searching.running


def test_why_a_search_ended_early_is_told_until_the_next_one():
    searching = searching_by(Search(LibraryBusy("another process is looking for copies")))
    searching.start()
    assert ended(searching)
    assert searching.fault == "another process is looking for copies"
    broken = searching_by(Search(ZeroDivisionError("a secret")))
    broken.start()
    assert ended(broken)
    assert broken.fault == "the search failed; see the server's log for details"
