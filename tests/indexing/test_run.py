import threading

import numpy as np

from doubles import ColourGridEncoder, picture
from indexing.files_and_images import known
from lookalike.progress import Silent
from lookalike.snapshot import newest
from parts import write_pictures


def test_an_interrupted_run_keeps_what_it_reported_and_the_next_goes_on(parts, tmp_path):
    photos = write_pictures(tmp_path / "many", range(200))
    stored = []

    class Interrupting(Silent):
        def note(self, line):
            stored.append(line.split()[1])
            if len(stored) == 70:
                raise KeyboardInterrupt

    report = parts.indexer.index([photos], progress=Interrupting())
    assert report.interrupted
    assert set(stored) <= known(parts)
    assert len(known(parts)) < 200
    before = len(known(parts))
    report = parts.indexer.index([photos])
    assert (report.unchanged, report.added) == (before, 200 - before)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shards_")]


def test_images_without_a_vector_are_embedded_by_the_next_run(parts, photos):
    parts.indexer.index([photos])
    other = parts.indexer_for(ColourGridEncoder(name="other", seed=2))
    report = other.index([photos])
    assert (report.unchanged, report.embedded, report.added) == (10, 10, 0)
    assert parts.catalog.models.live() == other.model
    assert newest(parts.snapshots, other.model.fingerprint).manifest.size == 10


def test_a_library_can_be_searched_while_its_first_run_goes_on(parts, tmp_path):
    photos = write_pictures(tmp_path / "many", range(150))
    seen = []

    class Looking(Silent):
        def advance(self, steps=1):
            seen.append(len(parts.find_ids(picture(0), limit=300)))

    parts.indexer.index([photos], progress=Looking())
    assert seen[0] > 0
    assert seen == sorted(seen)


def test_an_image_without_bytes_is_tried_once_a_run(parts, photos):
    parts.indexer.index([photos])
    (photos / "0.png").rename(photos.parent / "away.png")
    (photos / "1.png").unlink()
    report = parts.indexer_for(ColourGridEncoder(name="other", seed=2)).index([photos / "2.png"])
    assert (report.embedded, len(report.refused)) == (8, 2)


def test_what_an_earlier_version_did_not_keep_of_images_is_filled_by_the_next_run(parts, photos):
    parts.indexer.index([photos])
    (block,) = parts.catalog.vectors.blocks(parts.indexer.model.fingerprint)
    with parts.catalog.database.changing() as change:
        change.connection.exec_driver_sql("UPDATE images SET colour_signature = NULL, difference_hash = 3")
    report = parts.indexer.index([photos])
    assert report.embedded == len(block.image_ids)
    (filled,) = parts.catalog.vectors.blocks(parts.indexer.model.fingerprint)
    assert np.array_equal(filled.columns, block.columns)
    assert parts.indexer.index([photos]).embedded == 0
