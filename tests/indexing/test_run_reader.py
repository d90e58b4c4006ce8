import os

import pytest

from doubles import ColourGridEncoder, picture
from indexing.files_and_images import rewrite_in_place
from lookalike.catalog import content_id
from lookalike.errors import ImageRefused
from lookalike.indexing import comparison
from lookalike.preprocessing import Limits


def test_a_file_above_the_limit_is_not_even_read(parts, photos):
    indexer = parts.indexer_for(ColourGridEncoder(), limits=Limits(max_bytes=100))
    report = indexer.index([photos])
    assert report.added == 0
    assert "100" in report.refused[0].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_without_permission_is_tried_again_next_time(parts, photos):
    (photos / "0.png").chmod(0)
    assert len(parts.indexer.index([photos]).refused) == 1
    (photos / "0.png").chmod(0o600)
    assert parts.indexer.index([photos]).added == 1


def test_other_bytes_are_never_served_and_the_next_run_reads_them(parts, photos, monkeypatch):
    before, after = picture(0) + b"\0", picture(0) + b"\1"
    (photos / "0.png").write_bytes(before)
    parts.indexer.index([photos])
    rewrite_in_place(photos / "0.png", after)
    monkeypatch.setattr(comparison, "_same_file", lambda file, state: file.modified_ns == state.modified_ns)
    assert parts.indexer.index([photos]).unchanged == 10  # a file system that says nothing of the change
    with pytest.raises(ImageRefused, match="has changed"):
        parts.catalog.images.content(content_id(before))
    assert parts.indexer.index([photos]).added == 1
    assert parts.catalog.images.content(content_id(after)) == after


def test_a_pipe_that_takes_a_files_place_is_not_read(parts, photos):
    parts.indexer.index([photos])
    (photos / "0.png").unlink()
    os.mkfifo(photos / "0.png")
    with pytest.raises(ImageRefused):
        parts.catalog.images.content(content_id(picture(0)))
    report = parts.indexer.index([photos])
    assert (report.removed, report.unchanged) == (1, 9)
