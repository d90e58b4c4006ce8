import shutil
from datetime import timedelta

from doubles import ColourGridEncoder
from indexing.files_and_images import all_known, ids
from lookalike.indexing import IndexOptions
from lookalike.progress import Silent

FORGET = IndexOptions(forget_missing=True)


def test_a_run_empties_the_bin_of_what_is_old(parts, two_folders):
    parts.indexer.index([two_folders])
    (two_folders / "a" / "0.png").unlink()
    parts.indexer_for(ColourGridEncoder(), keep_removed=timedelta(days=30)).index([two_folders])
    assert parts.catalog.counts().removed == 1
    parts.indexer_for(ColourGridEncoder(), keep_removed=timedelta(0)).index([two_folders])
    assert parts.catalog.counts().removed == 0


def test_a_run_that_was_killed_after_storing_is_settled_by_the_next(parts, two_folders):
    old, new = two_folders / "b", two_folders / "Italy"
    parts.indexer.index([old])
    old.rename(new)

    class Killing(Silent):
        def advance(self, steps=1):
            raise KeyboardInterrupt

    assert parts.indexer.index([new], progress=Killing()).interrupted
    assert len(parts.catalog.sources.below(str(old))) == 3
    parts.indexer.index([new])
    assert parts.catalog.sources.below(str(old)) == {}
    assert all_known(parts) == ids(10, 11, 12)


def test_what_is_missing_is_forgotten_when_somebody_says_so(parts, two_folders):
    parts.indexer.index([two_folders])
    shutil.rmtree(two_folders / "b")
    parts.indexer.index([two_folders])
    report = parts.indexer.index([two_folders], options=FORGET)
    assert (report.removed, report.missing) == (3, [])
    assert all_known(parts) == ids(0, 1, 2)
    shutil.rmtree(two_folders)
    assert parts.indexer.index([two_folders], options=FORGET).removed == 3
    assert all_known(parts) == set()
