import os
from pathlib import Path

import pytest
from filelock import FileLock

from doubles import ColourGridEncoder, picture
from indexing.files_and_images import known
from lookalike.catalog import content_id
from lookalike.errors import CallerError, ImageRefused, LibraryBusy, StorageFailed, UnknownImage
from lookalike.indexing import IndexOptions, run
from lookalike.progress import Silent
from lookalike.snapshot import newest
from lookalike.types import Visibility
from parts import touch, write_pictures


def test_a_folder_is_indexed_and_published(parts, photos):
    report = parts.indexer.index([photos])
    assert (report.found, report.added, report.embedded, report.refused) == (10, 10, 10, [])
    assert known(parts) == {content_id(picture(seed)) for seed in range(10)}
    assert newest(parts.snapshots, parts.indexer.model.fingerprint).manifest.size == 10


def test_a_bad_file_is_recorded_and_the_job_goes_on(parts, photos):
    (photos / "bad.jpg").write_bytes(b"this is no image")
    (photos / "cut.png").write_bytes(picture(50)[:200])
    report = parts.indexer.index([photos])
    assert report.added == 10
    assert sorted(Path(r.path).name for r in report.refused) == ["bad.jpg", "cut.png"]
    assert len(parts.catalog.unreadable()) == 2
    assert parts.indexer.index([photos]).unchanged == 12
    assert len(parts.find_ids(picture(3), limit=100)) == 10


def test_a_bad_file_that_is_mended_is_indexed(parts, photos):
    (photos / "cut.png").write_bytes(picture(50)[:200])
    parts.indexer.index([photos])
    (photos / "cut.png").write_bytes(picture(50))
    assert parts.indexer.index([photos]).added == 1
    assert parts.catalog.unreadable() == []


def test_a_root_that_is_gone_removes_nothing(parts, photos):
    parts.indexer.index([photos])
    photos.rename(photos.with_name("elsewhere"))
    report = parts.indexer.index([photos])
    assert [(missing.path, missing.images) for missing in report.missing] == [(str(photos), 10)]
    assert (report.removed, len(known(parts))) == (0, 10)
    with pytest.raises(CallerError, match="nothing was changed"):
        parts.indexer.index([photos.with_name("never")])


def test_a_folder_that_cannot_be_read_keeps_what_was_below_it(parts, photos, monkeypatch):
    write_pictures(photos / "sub", range(20, 23))
    parts.indexer.index([photos])
    scandir = os.scandir

    def failing(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    report = parts.indexer.index([photos])
    assert (report.removed, len(report.unreadable_folders)) == (0, 1)
    assert len(known(parts)) == 13


def test_what_was_deleted_on_request_stays_deleted_until_it_is_restored(parts, photos):
    parts.indexer.index([photos])
    gone = content_id(picture(0))
    parts.catalog.images.delete(gone)
    touch(photos / "0.png", seconds=5)
    parts.indexer.index([photos])
    assert gone not in known(parts)
    parts.indexer.index([photos], options=IndexOptions(restore=True))
    assert gone in known(parts)
    assert gone in parts.find_ids(picture(0))


def test_an_upload_is_found_at_once_and_an_equal_one_is_the_same_image(parts):
    image, created = parts.indexer.add_upload(picture(1), name="a", tags=["red"], owner_id="me")
    assert (created, image.tags, image.owner_id) == (True, ("red",), "me")
    again, created = parts.indexer.add_upload(picture(1), name="b")
    assert (created, again.id) == (False, image.id)
    assert parts.find_ids(picture(1)) == [image.id]
    assert parts.catalog.images.content(image.id) == picture(1)


def test_a_refused_upload_stores_nothing(parts):
    with pytest.raises(ImageRefused, match="holiday.jpg"):
        parts.indexer.add_upload(b"no image", name="holiday.jpg")
    assert known(parts) == set()
    with pytest.raises(UnknownImage):
        parts.catalog.images.get(content_id(b"no image"))


def test_a_private_upload_is_never_found(parts):
    parts.upload(1, visibility=Visibility.PRIVATE)
    public = parts.upload(2)
    assert parts.find_ids(picture(1)) == [public]


def test_what_was_hidden_does_not_come_back_public_with_its_file(parts, photos):
    parts.indexer.index([photos])
    blocked = content_id(picture(0))
    parts.catalog.images.update(blocked, visibility=Visibility.BLOCKED)
    (photos / "0.png").rename(photos.parent / "away.png")
    parts.indexer.index([photos])
    (photos.parent / "away.png").rename(photos / "0.png")
    parts.indexer.index([photos])
    assert blocked not in parts.find_ids(picture(0), limit=100)


def test_a_link_to_a_disk_that_is_away_removes_nothing(parts, photos, tmp_path):
    disk = write_pictures(tmp_path / "disk", range(20, 23))
    (photos / "link").symlink_to(disk)
    parts.indexer.index([photos])
    disk.rename(tmp_path / "unplugged")
    assert parts.indexer.index([photos]).removed == 0
    assert len(known(parts)) == 13


def test_an_upload_after_another_model_became_live_is_refused_by_who_cannot_follow(parts, photos):
    parts.indexer.index([photos])
    parts.indexer_for(ColourGridEncoder(name="other", seed=2)).index([photos])
    with pytest.raises(LibraryBusy, match="restart"):
        parts.indexer.add_upload(picture(60), name="late.png")


def test_uploads_follow_another_model(parts, photos):
    parts.indexer.index([photos])
    other = ColourGridEncoder(name="other", seed=2)
    serving = parts.indexer_for(parts.encoders["colour-grid"], live=parts.follower())
    parts.indexer_for(other).index([photos])
    image, _ = serving.add_upload(picture(60), name="late.png")
    assert parts.catalog.vectors.get(other.fingerprint, [image.id]).keys() == {image.id}
    assert parts.find_ids(picture(60))[0] == image.id


def test_an_upload_during_a_switch_has_a_vector_of_the_new_model(parts, photos):
    parts.indexer.index([photos])
    other = ColourGridEncoder(name="other", seed=2)
    switching = parts.indexer_for(other)

    class Slow(ColourGridEncoder):
        def encode(self, batch):
            made = super().encode(batch)
            switching.index([photos])  # becomes live after the upload was read, and before it is stored
            return made

    serving = parts.indexer_for(Slow(), live=parts.follower())
    image, _ = serving.add_upload(picture(60), name="late.png")
    assert parts.catalog.models.live() == switching.model
    assert parts.catalog.vectors.get(other.fingerprint, [image.id]).keys() == {image.id}


@pytest.mark.parametrize("seed", range(60, 64))  # ids below and above where the run is
def test_an_upload_while_another_model_fills_gaps_is_not_missed(parts, photos, seed):
    parts.indexer.index([photos])
    other = ColourGridEncoder(name="other", seed=2)
    uploaded = []

    class Uploading(Silent):
        def advance(self, steps=1):
            if not uploaded:
                uploaded.append(parts.upload(seed))

    parts.indexer_for(other).index([photos], progress=Uploading())
    assert parts.catalog.vectors.get(other.fingerprint, uploaded).keys() == set(uploaded)


def unreadable(monkeypatch, name):
    read_regular = run.read_regular

    def failing(path, **options):
        if path.name == name:
            raise OSError(5, "Input/output error")
        return read_regular(path, **options)

    monkeypatch.setattr(run, "read_regular", failing)


def test_a_changed_file_that_cannot_be_read_once_is_read_next_time(parts, photos, monkeypatch):
    parts.indexer.index([photos])
    before, after = content_id(picture(0)), content_id(picture(100))
    (photos / "0.png").write_bytes(picture(100))
    touch(photos / "0.png", seconds=5)
    with monkeypatch.context() as patched:
        unreadable(patched, "0.png")
        report = parts.indexer.index([photos])
    assert [Path(refusal.path).name for refusal in report.refused] == ["0.png"]
    with pytest.raises(ImageRefused, match="has changed"):  # never the new bytes under the old id
        parts.catalog.images.content(before)
    assert parts.indexer.index([photos]).added == 1
    assert known(parts) & {before, after} == {after}
    assert parts.catalog.unreadable() == []


def test_what_a_walk_passes_over_by_its_rules_is_not_gone(parts, photos):
    write_pictures(photos / ".hidden", range(20, 22))
    (photos / "scan.dat").write_bytes(picture(30))
    parts.indexer.index([photos / ".hidden", photos / "scan.dat"])
    report = parts.indexer.index([photos])
    assert (report.added, report.removed) == (10, 0)
    assert len(known(parts)) == 13
    (photos / "scan.dat").unlink()
    (photos / ".hidden" / "20.png").unlink()
    assert parts.indexer.index([photos]).removed == 2
    assert len(known(parts)) == 11


def test_a_hidden_link_to_a_disk_that_is_away_removes_nothing(parts, photos, tmp_path):
    disk = write_pictures(tmp_path / "disk", range(20, 23))
    (photos / ".link").symlink_to(disk)
    parts.indexer.index([photos / ".link"])
    disk.rename(tmp_path / "unplugged")
    assert parts.indexer.index([photos]).removed == 0
    assert len(known(parts)) == 13


def test_files_of_deleted_images_are_counted_as_left_out(parts, photos):
    class Told(Silent):
        ids: list[str] = []  # noqa: RUF012 - one run

        def note(self, line):
            self.ids.append(line.split()[1])

    parts.indexer.index([photos])
    gone = content_id(picture(0))
    parts.catalog.images.delete(gone)
    report = parts.indexer.index([photos])
    assert (report.unchanged, report.left_out) == (9, 1)
    touch(photos / "0.png", seconds=5)
    report = parts.indexer.index([photos], progress=Told())
    assert (report.unchanged, report.known_again, report.left_out) == (9, 0, 1)
    assert gone not in Told.ids
    report = parts.indexer.index([photos], options=IndexOptions(restore=True))
    assert (report.unchanged, report.added, report.left_out) == (9, 1, 0)


def test_a_library_on_a_read_only_disk_says_so(parts, photos, monkeypatch):
    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", read_only)
    with pytest.raises(StorageFailed, match="Read-only file system; nothing was changed"):
        parts.indexer.index([photos])


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.BLOCKED])
def test_a_file_edited_in_place_keeps_what_people_set(parts, photos, visibility):
    before, after = picture(0), picture(0) + b"\1"
    parts.indexer.index([photos])
    parts.catalog.images.update(content_id(before), visibility=visibility, tags=["beach", "2019"], owner_id="ann")
    (photos / "0.png").write_bytes(after)
    parts.indexer.index([photos])
    edited = parts.catalog.images.get(content_id(after))
    assert (edited.visibility, edited.tags, edited.owner_id) == (visibility, ("beach", "2019"), "ann")
    (photos / "0.png").write_bytes(before)  # undone: the first one comes back from the bin as it was
    parts.indexer.index([photos])
    assert parts.catalog.images.get(content_id(before)).visibility == visibility


def test_of_two_copies_edited_to_one_picture_the_least_visible_decides(parts, photos):
    parts.indexer.index([photos])
    parts.catalog.images.update(content_id(picture(1)), visibility=Visibility.PRIVATE)
    parts.catalog.images.update(content_id(picture(2)), tags=["kept"])
    for name in ("1.png", "2.png"):
        (photos / name).write_bytes(picture(1) + b"\1")
    parts.indexer.index([photos])
    edited = parts.catalog.images.get(content_id(picture(1) + b"\1"))
    assert (edited.visibility, edited.tags) == (Visibility.PRIVATE, ("kept",))


def test_files_that_change_places_take_nothing_from_each_other(parts, photos):
    parts.indexer.index([photos])
    parts.catalog.images.update(content_id(picture(1)), visibility=Visibility.PRIVATE)
    (photos / "1.png").rename(photos / "between.png")
    (photos / "2.png").rename(photos / "1.png")
    (photos / "between.png").rename(photos / "2.png")
    parts.indexer.index([photos])
    assert parts.catalog.images.get(content_id(picture(1))).visibility == Visibility.PRIVATE
    assert parts.catalog.images.get(content_id(picture(2))).visibility == Visibility.PUBLIC
