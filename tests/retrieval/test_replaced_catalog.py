"""A catalog put back from a backup: nothing is hidden by what was published after the backup was made."""

import json
import os
import shutil
import sqlite3
import time

import pytest

from doubles import picture
from lookalike.retrieval import live
from lookalike.snapshot import SET_ASIDE, newest
from parts import Parts, write_pictures


def backed_up(parts):
    """The catalog's file as it is now, put beside it."""
    copy = parts.folder / "catalog.backup"
    with sqlite3.connect(parts.folder / "catalog.sqlite") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return copy


def put_back(parts, copy):
    """As somebody does it by hand: the file and its log are removed, and the copy takes the name."""
    for path in parts.folder.glob("catalog.sqlite*"):
        path.unlink()
    shutil.copy(copy, parts.folder / "catalog.sqlite")


@pytest.fixture
def library(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(12))])
    return parts


def grow(parts, tmp_path, seeds):
    parts.indexer.index([write_pictures(tmp_path / "photos", seeds)])


def test_uploads_after_an_older_catalog_was_put_back_are_found(library, tmp_path, caplog):
    copy = backed_up(library)
    grow(library, tmp_path, range(12, 40))
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        uploaded = [restarted.upload(seed) for seed in range(100, 110)]
        for seed, image_id in zip(range(100, 110), uploaded, strict=True):
            assert restarted.find_ids(picture(seed), limit=50)[0] == image_id
        assert "an older catalog was put in place" in caplog.text
        restarted.indexer.index([tmp_path / "photos"])
        assert len(restarted.find_ids(picture(100), limit=100)) == 40 + 10


def test_a_snapshot_whose_watermark_the_restored_catalog_has_outgrown_is_not_used(library, tmp_path, monkeypatch):
    copy = backed_up(library)
    grow(library, tmp_path, range(12, 20))
    watermark = newest(library.snapshots, library.indexer.model.fingerprint).manifest.watermark
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        monkeypatch.setattr(restarted.publisher, "publish_soon", lambda _: None)  # or the notice would soon be gone
        uploaded = {restarted.upload(seed) for seed in range(200, 230)}
        assert restarted.catalog.changes.sequence() > watermark
        found = set(restarted.find_ids(picture(200), limit=100))
        assert uploaded <= found
        assert len(found) == 12 + 30
        assert any("never had" in note for note in restarted.find(picture(200)).notes)


def test_a_service_that_runs_follows_the_catalog_that_was_put_in_place(library, tmp_path):
    copy = backed_up(library)
    grow(library, tmp_path, range(12, 30))
    later = library.upload(300)
    assert later in library.find_ids(picture(300), limit=50)
    put_back(library, copy)
    assert library.find_ids(picture(300), limit=50) == library.find_ids(picture(300), limit=50)
    assert later not in library.find_ids(picture(300), limit=50)
    answer = library.find(picture(3), limit=50)
    assert len(answer.hits) == 12
    assert any("replaced while this service ran" in note for note in answer.notes)
    new = library.upload(301)
    assert library.find_ids(picture(301), limit=50)[0] == new
    with Parts(library.folder) as restarted:  # what it took is in the file that is there now
        assert restarted.find_ids(picture(301), limit=50)[0] == new


def test_a_service_that_slept_through_it_is_not_deceived_by_equal_numbers(library, tmp_path):
    copy = backed_up(library)
    lost = library.upload(400)
    assert library.find_ids(picture(400))[0] == lost
    sequence = library.catalog.changes.sequence()
    put_back(library, copy)
    with Parts(library.folder) as other:
        new = other.upload(401)
        assert other.catalog.changes.sequence() == sequence
    assert library.find_ids(picture(401), limit=50)[0] == new
    assert lost not in library.find_ids(picture(400), limit=50)
    assert library.catalog.images.get_many([lost, new]).keys() == {new}


def test_what_was_published_from_another_past_is_set_aside_and_built_anew(library, tmp_path):
    copy = backed_up(library)
    grow(library, tmp_path, range(12, 30))
    before = newest(library.snapshots, library.indexer.model.fingerprint).manifest
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        restarted.indexer.publish_if_late()  # as services do from time to time
        restarted.publisher.wait()
        snapshot = newest(restarted.snapshots, before.fingerprint, catalog=restarted.catalog)
        assert (snapshot.manifest.size, snapshot.manifest.library_id) == (12, restarted.catalog.library_id)
        assert snapshot.manifest.number > before.number
        assert restarted.find(picture(3)).notes == ()
    aside = [
        json.loads(path.read_text())["manifest"] for path in (library.snapshots / SET_ASIDE).rglob("manifest.json")
    ]
    assert [manifest["number"] for manifest in aside] == [before.number]


def test_snapshots_set_aside_go_after_a_month(library, tmp_path):
    copy = backed_up(library)
    grow(library, tmp_path, range(12, 30))
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        restarted.publisher.publish(restarted.indexer.model)
        (aside,) = (library.snapshots / SET_ASIDE).glob("*/*")
        os.utime(aside, (time.time() - 40 * 86_400,) * 2)
        restarted.publisher.publish(restarted.indexer.model)
        assert not aside.exists()


def test_the_catalog_of_another_library_does_not_use_this_ones_index(library, tmp_path):
    with Parts(tmp_path / "other") as other:
        mine = [other.upload(seed) for seed in range(500, 520)]
        copy = backed_up(other)
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        answer = restarted.find(picture(500), limit=100)
        assert {hit.image.id for hit in answer.hits} == set(mine)
        assert any("another library's catalog" in note for note in answer.notes)


def test_a_log_that_was_lost_leaves_a_library_that_goes_on(library, tmp_path):
    """A disk that lied: what the file's write-ahead log held is gone, and snapshots know more than the catalog."""
    copy = tmp_path / "without-log"
    shutil.copy(library.folder / "catalog.sqlite", copy)
    sqlite3.connect(copy).close()
    grow(library, tmp_path, range(12, 30))
    put_back(library, copy)
    with Parts(library.folder) as restarted:
        restarted.indexer.index([tmp_path / "photos"])
        new = restarted.upload(600)
        assert restarted.find_ids(picture(600), limit=100)[0] == new
        assert restarted.engine.ready().images == 31


def test_a_catalog_that_is_away_is_not_made_anew_by_a_service(library):
    moved = library.folder / "moved"
    (library.folder / "catalog.sqlite").rename(moved)
    with pytest.raises(Exception, match="unable to open"):
        library.upload(700)
    assert not (library.folder / "catalog.sqlite").exists()
    moved.rename(library.folder / "catalog.sqlite")
    assert library.find_ids(picture(700), limit=50)


def test_an_opening_that_failed_for_a_moment_is_tried_again(library, monkeypatch):
    """A newer snapshot that could not be opened, for want of memory say, is opened a moment later."""
    before = library.find(picture(3)).generation
    opened = live.newest

    def fails_once(*arguments, **keywords):
        monkeypatch.setattr(live, "newest", opened)
        raise MemoryError

    library.upload(800)
    library.publisher.publish(library.indexer.model)
    monkeypatch.setattr(live, "newest", fails_once)
    monkeypatch.setattr(live, "_SECONDS_BETWEEN_TRIES", 0.01)
    end = time.monotonic() + 60
    while library.engine.ready().tail or library.find(picture(3)).generation == before:
        assert time.monotonic() < end, "the newer snapshot was never opened"
        time.sleep(0.02)
