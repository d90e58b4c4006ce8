"""What is gone is forgotten, what is only away is kept: folders that vanish, unmounted disks, moves, the bin."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from doubles import ColourGridEncoder, picture
from lookalike.catalog import content_id
from lookalike.errors import CallerError
from lookalike.indexing import IndexOptions, missing, settling
from lookalike.progress import Silent
from lookalike.types import Visibility
from parts import write_pictures

FORGET = IndexOptions(forget_missing=True)


@pytest.fixture
def photos(tmp_path):
    write_pictures(tmp_path / "photos" / "a", range(3))
    write_pictures(tmp_path / "photos" / "b", range(10, 13))
    return tmp_path / "photos"


def known(parts):
    return {image.id for image in parts.catalog.images.browse(limit=1000, visibility=None).images}


def ids(*seeds):
    return {content_id(picture(seed)) for seed in seeds}


def away(report):
    return [(group.path, group.images) for group in report.missing]


ALL = (0, 1, 2, 10, 11, 12)


def unmount(folder):
    """Leave the mount point without its mount, and give back what undoes that."""
    aside = folder.parents[1] / f"{folder.parent.name}-{folder.name}"
    folder.rename(aside)
    folder.mkdir()

    def mount():
        folder.rmdir()
        aside.rename(folder)

    return mount


def test_an_empty_mount_point_removes_nothing(parts, photos):
    parts.indexer.index([photos])
    one = content_id(picture(0))
    parts.catalog.images.update(one, tags=["holiday"], visibility=Visibility.PRIVATE, owner_id="ann")
    mount = unmount(photos)
    report = parts.indexer.index([photos])
    assert (report.removed, away(report)) == (0, [(str(photos), 6)])
    assert report.missing[0].reason == missing.EMPTY
    assert known(parts) == ids(*ALL)
    mount()
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([photos])
    assert (report.unchanged, report.missing, parts.encoders["colour-grid"].calls) == (6, [], calls)
    image = parts.catalog.images.get(one)
    assert (image.tags, image.visibility, image.owner_id) == (("holiday",), Visibility.PRIVATE, "ann")


@pytest.mark.parametrize("vanish", [shutil.rmtree, unmount])
def test_a_subfolder_that_vanishes_removes_nothing(parts, photos, vanish):
    parts.indexer.index([photos])
    vanish(photos / "b")
    (photos / "a" / "0.png").unlink()  # beside it, a single file is deleted as ever
    report = parts.indexer.index([photos])
    assert (report.removed, away(report)) == (1, [(str(photos / "b"), 3)])
    assert known(parts) == ids(1, 2, 10, 11, 12)


def test_what_is_missing_is_forgotten_when_somebody_says_so(parts, photos):
    parts.indexer.index([photos])
    shutil.rmtree(photos / "b")
    parts.indexer.index([photos])
    report = parts.indexer.index([photos], options=FORGET)
    assert (report.removed, report.missing) == (3, [])
    assert known(parts) == ids(0, 1, 2)
    shutil.rmtree(photos)
    assert parts.indexer.index([photos], options=FORGET).removed == 3
    assert known(parts) == set()


def test_a_root_that_is_a_file_and_a_linked_root(parts, photos, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(photos / "b")
    single = photos / "a" / "0.png"
    parts.indexer.index([single, link])
    single.unlink()
    (photos / "b").rename(tmp_path / "unplugged")
    report = parts.indexer.index([single, link])
    assert away(report) == [(str(link), 3), (str(single), 1)]
    assert [group.reason for group in report.missing] == [missing.DEAD_LINK, missing.NOT_THERE]
    assert known(parts) == ids(0, 10, 11, 12)
    assert parts.indexer.index([single, link], options=FORGET).removed == 4


def test_a_root_that_never_was_is_a_mistake_and_changes_nothing(parts, photos):
    parts.indexer.index([photos])
    with pytest.raises(CallerError, match="nothing was changed"):
        parts.indexer.index([photos, photos.with_name("photso")])


def test_an_unreadable_subfolder_is_missing_not_deleted(parts, photos, monkeypatch):
    parts.indexer.index([photos])
    scandir = os.scandir

    def failing(path):
        if os.fspath(path).endswith("/b"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    for options in (IndexOptions(), FORGET):  # what cannot be looked at may all be there
        report = parts.indexer.index([photos], options=options)
        assert (report.removed, away(report)) == (0, [(str(photos / "b"), 3)])
        assert "Input/output error" in report.missing[0].reason


def test_another_disk_at_the_same_place_removes_nothing(parts, photos, monkeypatch):
    parts.indexer.index([photos])
    unmount(photos / "b")
    write_pictures(photos / "b", [50])
    at_b = str(photos / "b")
    monkeypatch.setattr(missing, "device_of", lambda path: 1 << 40 if path.startswith(at_b) else 1)
    report = parts.indexer.index([photos])
    assert (report.added, report.removed, away(report)) == (1, 0, [(at_b, 3)])
    assert report.missing[0].reason == missing.OTHER_DEVICE


def test_a_share_that_goes_away_in_the_middle_of_a_run_removes_nothing(parts, photos):
    parts.indexer.index([photos])
    (photos / "a" / "0.png").unlink()  # it is not found, and then its folder is not either
    (photos / "b" / "new.png").write_bytes(picture(60))

    class Unmounting(Silent):
        def stage(self, name, total=None):
            if name == "Indexing images":
                unmount(photos)

    report = parts.indexer.index([photos], progress=Unmounting())
    assert (report.removed, report.added, len(report.refused)) == (0, 0, 1)
    assert known(parts) == ids(*ALL)


def test_a_renamed_folder_sheds_its_old_name(parts, photos):
    old, new = photos / "b", photos / "Italy"
    parts.indexer.index([old])
    old.rename(new)
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([new])
    assert (report.moved, report.added, report.known_again, report.removed) == (3, 0, 0, 0)
    assert parts.encoders["colour-grid"].calls == calls
    assert {image.source for image in parts.catalog.images.get_many(list(known(parts))).values()} == {
        str(path) for path in new.iterdir()
    }
    assert parts.catalog.sources.below(str(old)) == {}
    assert [folder.path for folder in parts.catalog.folders.indexed()] == [str(new)]


def test_a_folder_renamed_within_the_root_is_moved_not_missing(parts, photos):
    parts.indexer.index([photos])
    (photos / "b").rename(photos / "c")
    report = parts.indexer.index([photos])
    assert (report.moved, report.known_again, report.removed, report.missing) == (3, 0, 0, [])
    assert known(parts) == ids(*ALL)


def test_a_folder_moved_into_another_root(parts, photos, tmp_path):
    other = write_pictures(tmp_path / "other", [30])
    parts.indexer.index([photos, other])
    (photos / "b").rename(other / "b")
    report = parts.indexer.index([photos])  # not yet seen at its new place
    assert away(report) == [(str(photos / "b"), 3)]
    report = parts.indexer.index([other])
    assert (report.moved, report.missing) == (3, [])
    assert parts.indexer.index([photos]).missing == []
    assert known(parts) == ids(*ALL, 30)


def test_an_unmounted_disk_whose_pictures_were_copied_keeps_its_paths(parts, photos, monkeypatch):
    copy = photos.with_name("copy")
    shutil.copytree(photos / "b", copy)
    parts.indexer.index([photos])
    mount = unmount(photos / "b")
    at_b = str(photos / "b")
    for module in (missing, settling):  # the empty mount point lies on the disk below it
        monkeypatch.setattr(module, "device_of", lambda path: 1 << 40 if path.startswith(at_b) else 1)
    report = parts.indexer.index([photos, copy])
    assert (report.moved, report.known_again, away(report)) == (0, 3, [(at_b, 3)])
    mount()
    assert len(parts.catalog.sources.below(at_b)) == 3


def test_folders_that_change_places(parts, photos):
    for name in ("a", "b"):  # equal names, sizes and times
        for number, path in enumerate(sorted((photos / name).iterdir())):
            path.write_bytes(path.read_bytes().ljust(9000, b"\0"))
            os.utime(path, ns=(1, 1))
            path.rename(photos / name / f"{number}.png")
    parts.indexer.index([photos])
    before = {path: state.image_id for path, state in parts.catalog.sources.below(str(photos)).items()}
    (photos / "a").rename(photos / "x")
    (photos / "b").rename(photos / "a")
    (photos / "x").rename(photos / "b")
    report = parts.indexer.index([photos])
    after = {path: state.image_id for path, state in parts.catalog.sources.below(str(photos)).items()}
    assert report.removed == 0
    assert after == {
        path: before[path.replace("/a/", "/*/").replace("/b/", "/a/").replace("/*/", "/b/")] for path in after
    }


def test_a_name_that_changes_its_case_only(parts, photos):
    parts.indexer.index([photos])
    (photos / "a" / "0.png").rename(photos / "a" / "0.PNG")
    report = parts.indexer.index([photos])
    assert (report.moved, report.removed, known(parts)) == (1, 0, ids(*ALL))


def test_an_old_name_that_still_leads_to_the_renamed_file(photos):
    """As on file systems where case does not matter; a hard link stands in for one."""
    new, old = photos / "a" / "X.png", photos / "a" / "x.png"
    (photos / "a" / "0.png").rename(new)
    os.link(new, old)
    found = missing.Found(files=[missing_file(new)])
    absence = missing.Absence(str(photos), found, {str(old): state_of(old)}, on_request=False)
    assert absence.is_deleted(str(old), state_of(old))


def missing_file(path):
    from lookalike.indexing.folders import source_file

    return source_file(str(path), path.stat())


def state_of(path):
    from lookalike.catalog import SourceState

    return SourceState(path.stat().st_size, path.stat().st_mtime_ns, "0" * 32, None)


def test_of_several_paths_some_vanish(parts, photos):
    shutil.copytree(photos / "b", photos / "c")
    parts.indexer.index([photos])
    shutil.rmtree(photos / "b")
    report = parts.indexer.index([photos])
    assert (report.missing, report.removed, known(parts)) == ([], 3, ids(*ALL))
    assert all("/b/" not in image.source for image in parts.catalog.images.get_many(list(ids(10, 11, 12))).values())


def test_a_missing_file_does_not_name_its_image(parts, photos, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(photos / "b", copy)
    parts.indexer.index([photos, copy])
    unmount(photos)
    parts.catalog.sources.note_missing(list(parts.catalog.sources.below(str(photos))))
    assert {image.source for image in parts.catalog.images.get_many(list(ids(10, 11, 12))).values()} == {
        str(path) for path in copy.iterdir()
    }


def test_what_comes_back_is_as_it_was(parts, photos):
    parts.indexer.index([photos])
    one, hidden = content_id(picture(0)), content_id(picture(1))
    parts.catalog.images.update(one, tags=["red", "shoe"], owner_id="ann")
    parts.catalog.images.update(hidden, visibility=Visibility.BLOCKED)
    before = parts.catalog.images.get_many([one, hidden])
    aside = photos.parent / "aside"
    aside.mkdir()
    for name in ("0.png", "1.png"):
        (photos / "a" / name).rename(aside / name)
    assert parts.indexer.index([photos]).removed == 2
    assert one not in parts.find_ids(picture(0), limit=100)
    assert parts.catalog.counts().removed == 2
    for name in ("0.png", "1.png"):
        (aside / name).rename(photos / "a" / name)
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([photos])
    assert (report.returned, report.added, parts.encoders["colour-grid"].calls) == (2, 0, calls)
    assert parts.catalog.images.get_many([one, hidden]) == before
    assert parts.find_ids(picture(0))[0] == one
    assert hidden not in parts.find_ids(picture(1), limit=100)
    assert (parts.catalog.counts().removed, parts.catalog.check()) == (0, [])


def test_when_the_bin_runs_out_what_was_hidden_stays_hidden(parts, photos):
    parts.indexer.index([photos])
    hidden, public = content_id(picture(1)), content_id(picture(0))
    parts.catalog.images.update(hidden, visibility=Visibility.PRIVATE, owner_id="ann")
    parts.catalog.images.update(public, tags=["red"])
    contents = {name: (photos / "a" / name).read_bytes() for name in ("0.png", "1.png")}
    for name in contents:
        (photos / "a" / name).unlink()
    parts.indexer.index([photos])
    assert parts.catalog.recycle_bin.empty(older_than=datetime.now(UTC) - timedelta(days=30)) == 0
    assert parts.catalog.recycle_bin.empty(older_than=datetime.now(UTC) + timedelta(days=1)) == 1
    for name, content in contents.items():
        (photos / "a" / name).write_bytes(content)
    parts.indexer.index([photos])
    assert parts.catalog.images.get(public).tags == ()
    assert parts.catalog.images.get(hidden).visibility is Visibility.PRIVATE
    assert hidden not in parts.find_ids(picture(1), limit=100)
    assert parts.catalog.check() == []


def test_a_run_empties_the_bin_of_what_is_old(parts, photos):
    parts.indexer.index([photos])
    (photos / "a" / "0.png").unlink()
    parts.indexer_for(ColourGridEncoder(), keep_removed=timedelta(days=30)).index([photos])
    assert parts.catalog.counts().removed == 1
    parts.indexer_for(ColourGridEncoder(), keep_removed=timedelta(0)).index([photos])
    assert parts.catalog.counts().removed == 0


def test_an_upload_of_what_is_in_the_bin_keeps_its_visibility(parts, photos):
    parts.indexer.index([photos])
    blocked = content_id(picture(0))
    parts.catalog.images.update(blocked, visibility=Visibility.BLOCKED)
    (photos / "a" / "0.png").unlink()
    parts.indexer.index([photos])
    image, _ = parts.indexer.add_upload(picture(0), name="again")
    assert (image.id, image.visibility) == (blocked, Visibility.BLOCKED)
    assert parts.catalog.images.content(blocked) == picture(0)
    assert blocked not in parts.find_ids(picture(0), limit=100)


def test_nested_roots(parts, photos):
    report = parts.indexer.index([photos, photos / "a"])
    assert (report.found, report.added) == (6, 6)
    shutil.rmtree(photos / "a")
    report = parts.indexer.index([photos, photos / "a"])
    assert (report.removed, away(report)) == (0, [(str(photos / "a"), 3)])
    assert known(parts) == ids(*ALL)


def test_a_run_that_was_killed_after_storing_is_settled_by_the_next(parts, photos):
    old, new = photos / "b", photos / "Italy"
    parts.indexer.index([old])
    old.rename(new)

    class Killing(Silent):
        def advance(self, steps=1):
            raise KeyboardInterrupt

    assert parts.indexer.index([new], progress=Killing()).interrupted
    assert len(parts.catalog.sources.below(str(old))) == 3
    parts.indexer.index([new])
    assert parts.catalog.sources.below(str(old)) == {}
    assert known(parts) == ids(10, 11, 12)
