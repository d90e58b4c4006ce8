import pytest

from doubles import picture
from indexing.files_and_images import known, rewrite_in_place
from lookalike.catalog import content_id
from lookalike.embedding import PictureEncoder
from lookalike.indexing import IndexOptions, comparison
from parts import touch


def test_a_second_run_does_nothing(parts, photos):
    first = parts.indexer.index([photos])
    sequence, calls = parts.catalog.changes.sequence(), parts.encoders["colour-grid"].calls
    second = parts.indexer.index([photos])
    assert (first.snapshot, second.snapshot) == (1, None)
    assert (second.unchanged, second.added, second.embedded, second.removed) == (10, 0, 0, 0)
    assert (parts.catalog.changes.sequence(), parts.encoders["colour-grid"].calls) == (sequence, calls)


def test_new_changed_and_deleted_files_are_followed(parts, photos):
    parts.indexer.index([photos])
    (photos / "0.png").unlink()
    (photos / "1.png").write_bytes(picture(101))
    touch(photos / "1.png", seconds=5)
    (photos / "new.png").write_bytes(picture(102))
    report = parts.indexer.index([photos])
    assert (report.added, report.removed, report.unchanged) == (2, 1, 8)
    expected = {content_id(picture(seed)) for seed in [*range(2, 10), 101, 102]}
    assert known(parts) == expected
    assert set(parts.find_ids(picture(5), limit=100)) == expected


def test_a_moved_file_is_not_embedded_again(parts, photos):
    parts.indexer.index([photos])
    (photos / "0.png").rename(photos / "moved.png")
    report = parts.indexer.index([photos])
    assert (report.added, report.embedded, report.moved, report.removed) == (0, 0, 1, 0)
    assert content_id(picture(0)) in known(parts)


def test_one_picture_at_two_paths_is_one_image_until_both_are_gone(parts, photos):
    (photos / "copy.png").write_bytes(picture(0))
    assert parts.indexer.index([photos]).embedded == 10
    (photos / "0.png").unlink()
    parts.indexer.index([photos])
    assert content_id(picture(0)) in known(parts)
    (photos / "copy.png").unlink()
    parts.indexer.index([photos])
    assert content_id(picture(0)) not in known(parts)


def test_a_file_rewritten_with_its_size_and_time_kept_is_read_again(parts, photos):
    before, after = picture(0) + b"\0", picture(0) + b"\1"
    (photos / "0.png").write_bytes(before)
    parts.indexer.index([photos])
    rewrite_in_place(photos / "0.png", after)
    assert parts.indexer.index([photos]).added == 1
    assert known(parts) & {content_id(before), content_id(after)} == {content_id(after)}


def test_all_content_is_read_again_on_request(parts, photos, monkeypatch):
    before, after = picture(0) + b"\0", picture(0) + b"\1"
    (photos / "0.png").write_bytes(before)
    parts.indexer.index([photos])
    rewrite_in_place(photos / "0.png", after)
    monkeypatch.setattr(comparison, "_same_file", lambda *_: True)
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([photos], options=IndexOptions(verify_content=True))
    assert (report.added, report.unchanged, parts.encoders["colour-grid"].calls) == (1, 9, calls + 1)


def test_a_file_that_was_only_touched_is_read_and_not_decoded(parts, photos, monkeypatch):
    parts.indexer.index([photos])
    touch(photos / "0.png", seconds=5)
    monkeypatch.setattr(PictureEncoder, "prepare", lambda *_, **__: pytest.fail("it is known"))
    assert parts.indexer.index([photos]).unchanged == 10
