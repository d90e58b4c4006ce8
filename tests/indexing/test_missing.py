"""What is gone is forgotten, what is only away is kept: folders that vanish, unmounted disks, moves, the bin."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from doubles import picture
from indexing.files_and_images import all_known, ids
from lookalike.catalog import content_id
from lookalike.errors import CallerError
from lookalike.indexing import IndexOptions, missing, settling
from lookalike.progress import Silent
from lookalike.types import Visibility
from parts import write_pictures

FORGET = IndexOptions(forget_missing=True)


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


def test_an_empty_mount_point_removes_nothing(parts, two_folders):
    parts.indexer.index([two_folders])
    one = content_id(picture(0))
    parts.catalog.images.update(one, tags=["holiday"], visibility=Visibility.PRIVATE, owner_id="ann")
    mount = unmount(two_folders)
    report = parts.indexer.index([two_folders])
    assert (report.removed, away(report)) == (0, [(str(two_folders), 6)])
    assert report.missing[0].reason == missing.EMPTY
    assert all_known(parts) == ids(*ALL)
    mount()
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([two_folders])
    assert (report.unchanged, report.missing, parts.encoders["colour-grid"].calls) == (6, [], calls)
    image = parts.catalog.images.get(one)
    assert (image.tags, image.visibility, image.owner_id) == (("holiday",), Visibility.PRIVATE, "ann")


@pytest.mark.parametrize("vanish", [shutil.rmtree, unmount])
def test_a_subfolder_that_vanishes_removes_nothing(parts, two_folders, vanish):
    parts.indexer.index([two_folders])
    vanish(two_folders / "b")
    (two_folders / "a" / "0.png").unlink()  # beside it, a single file is deleted as ever
    report = parts.indexer.index([two_folders])
    assert (report.removed, away(report)) == (1, [(str(two_folders / "b"), 3)])
    assert all_known(parts) == ids(1, 2, 10, 11, 12)


def test_a_root_that_is_a_file_and_a_linked_root(parts, two_folders, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(two_folders / "b")
    single = two_folders / "a" / "0.png"
    parts.indexer.index([single, link])
    single.unlink()
    (two_folders / "b").rename(tmp_path / "unplugged")
    report = parts.indexer.index([single, link])
    assert away(report) == [(str(link), 3), (str(single), 1)]
    assert [group.reason for group in report.missing] == [missing.DEAD_LINK, missing.NOT_THERE]
    assert all_known(parts) == ids(0, 10, 11, 12)
    assert parts.indexer.index([single, link], options=FORGET).removed == 4


def test_a_root_that_never_was_is_a_mistake_and_changes_nothing(parts, two_folders):
    parts.indexer.index([two_folders])
    with pytest.raises(CallerError, match="nothing was changed"):
        parts.indexer.index([two_folders, two_folders.with_name("photso")])


def test_an_unreadable_subfolder_is_missing_not_deleted(parts, two_folders, monkeypatch):
    parts.indexer.index([two_folders])
    scandir = os.scandir

    def failing(path):
        if os.fspath(path).endswith("/b"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    for options in (IndexOptions(), FORGET):  # what cannot be looked at may all be there
        report = parts.indexer.index([two_folders], options=options)
        assert (report.removed, away(report)) == (0, [(str(two_folders / "b"), 3)])
        assert "Input/output error" in report.missing[0].reason


def test_another_disk_at_the_same_place_removes_nothing(parts, two_folders, monkeypatch):
    parts.indexer.index([two_folders])
    unmount(two_folders / "b")
    write_pictures(two_folders / "b", [50])
    at_b = str(two_folders / "b")
    monkeypatch.setattr(missing, "device_of", lambda path: 1 << 40 if path.startswith(at_b) else 1)
    report = parts.indexer.index([two_folders])
    assert (report.added, report.removed, away(report)) == (1, 0, [(at_b, 3)])
    assert report.missing[0].reason == missing.OTHER_DEVICE


def test_a_share_that_goes_away_in_the_middle_of_a_run_removes_nothing(parts, two_folders):
    parts.indexer.index([two_folders])
    (two_folders / "a" / "0.png").unlink()  # it is not found, and then its folder is not either
    (two_folders / "b" / "new.png").write_bytes(picture(60))

    class Unmounting(Silent):
        def stage(self, name, total=None):
            if name == "Indexing images":
                unmount(two_folders)

    report = parts.indexer.index([two_folders], progress=Unmounting())
    assert (report.removed, report.added, len(report.refused)) == (0, 0, 1)
    assert all_known(parts) == ids(*ALL)


def test_a_renamed_folder_sheds_its_old_name(parts, two_folders):
    old, new = two_folders / "b", two_folders / "Italy"
    parts.indexer.index([old])
    old.rename(new)
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([new])
    assert (report.moved, report.added, report.known_again, report.removed) == (3, 0, 0, 0)
    assert parts.encoders["colour-grid"].calls == calls
    assert {image.source for image in parts.catalog.images.get_many(list(all_known(parts))).values()} == {
        str(path) for path in new.iterdir()
    }
    assert parts.catalog.sources.below(str(old)) == {}
    assert [folder.path for folder in parts.catalog.folders.indexed()] == [str(new)]


def test_a_folder_renamed_within_the_root_is_moved_not_missing(parts, two_folders):
    parts.indexer.index([two_folders])
    (two_folders / "b").rename(two_folders / "c")
    report = parts.indexer.index([two_folders])
    assert (report.moved, report.known_again, report.removed, report.missing) == (3, 0, 0, [])
    assert all_known(parts) == ids(*ALL)


def test_a_folder_moved_into_another_root(parts, two_folders, tmp_path):
    other = write_pictures(tmp_path / "other", [30])
    parts.indexer.index([two_folders, other])
    (two_folders / "b").rename(other / "b")
    report = parts.indexer.index([two_folders])  # not yet seen at its new place
    assert away(report) == [(str(two_folders / "b"), 3)]
    report = parts.indexer.index([other])
    assert (report.moved, report.missing) == (3, [])
    assert parts.indexer.index([two_folders]).missing == []
    assert all_known(parts) == ids(*ALL, 30)


def test_an_unmounted_disk_whose_pictures_were_copied_keeps_its_paths(parts, two_folders, monkeypatch):
    copy = two_folders.with_name("copy")
    shutil.copytree(two_folders / "b", copy)
    parts.indexer.index([two_folders])
    mount = unmount(two_folders / "b")
    at_b = str(two_folders / "b")
    for module in (missing, settling):  # the empty mount point lies on the disk below it
        monkeypatch.setattr(module, "device_of", lambda path: 1 << 40 if path.startswith(at_b) else 1)
    report = parts.indexer.index([two_folders, copy])
    assert (report.moved, report.known_again, away(report)) == (0, 3, [(at_b, 3)])
    mount()
    assert len(parts.catalog.sources.below(at_b)) == 3


def test_folders_that_change_places(parts, two_folders):
    for name in ("a", "b"):  # equal names, sizes and times
        for number, path in enumerate(sorted((two_folders / name).iterdir())):
            path.write_bytes(path.read_bytes().ljust(9000, b"\0"))
            os.utime(path, ns=(1, 1))
            path.rename(two_folders / name / f"{number}.png")
    parts.indexer.index([two_folders])
    before = {path: state.image_id for path, state in parts.catalog.sources.below(str(two_folders)).items()}
    (two_folders / "a").rename(two_folders / "x")
    (two_folders / "b").rename(two_folders / "a")
    (two_folders / "x").rename(two_folders / "b")
    report = parts.indexer.index([two_folders])
    after = {path: state.image_id for path, state in parts.catalog.sources.below(str(two_folders)).items()}
    assert report.removed == 0
    assert after == {
        path: before[path.replace("/a/", "/*/").replace("/b/", "/a/").replace("/*/", "/b/")] for path in after
    }


def test_a_name_that_changes_its_case_only(parts, two_folders):
    parts.indexer.index([two_folders])
    (two_folders / "a" / "0.png").rename(two_folders / "a" / "0.PNG")
    report = parts.indexer.index([two_folders])
    assert (report.moved, report.removed, all_known(parts)) == (1, 0, ids(*ALL))


def test_an_old_name_that_still_leads_to_the_renamed_file(two_folders):
    """As on file systems where case does not matter; a hard link stands in for one."""
    new, old = two_folders / "a" / "X.png", two_folders / "a" / "x.png"
    (two_folders / "a" / "0.png").rename(new)
    os.link(new, old)
    found = missing.Found(files=[missing_file(new)])
    absence = missing.Absence(str(two_folders), found, {str(old): state_of(old)}, on_request=False)
    assert absence.is_deleted(str(old), state_of(old))


def missing_file(path):
    from lookalike.indexing.folders import source_file

    return source_file(str(path), path.stat())


def state_of(path):
    from lookalike.catalog import SourceState

    return SourceState(path.stat().st_size, path.stat().st_mtime_ns, "0" * 32, None)


def test_of_several_paths_some_vanish(parts, two_folders):
    shutil.copytree(two_folders / "b", two_folders / "c")
    parts.indexer.index([two_folders])
    shutil.rmtree(two_folders / "b")
    report = parts.indexer.index([two_folders])
    assert (report.missing, report.removed, all_known(parts)) == ([], 3, ids(*ALL))
    assert all("/b/" not in image.source for image in parts.catalog.images.get_many(list(ids(10, 11, 12))).values())


def test_a_missing_file_does_not_name_its_image(parts, two_folders, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two_folders / "b", copy)
    parts.indexer.index([two_folders, copy])
    unmount(two_folders)
    parts.catalog.sources.note_missing(list(parts.catalog.sources.below(str(two_folders))))
    assert {image.source for image in parts.catalog.images.get_many(list(ids(10, 11, 12))).values()} == {
        str(path) for path in copy.iterdir()
    }


def test_what_comes_back_is_as_it_was(parts, two_folders):
    parts.indexer.index([two_folders])
    one, hidden = content_id(picture(0)), content_id(picture(1))
    parts.catalog.images.update(one, tags=["red", "shoe"], owner_id="ann")
    parts.catalog.images.update(hidden, visibility=Visibility.BLOCKED)
    before = parts.catalog.images.get_many([one, hidden])
    aside = two_folders.parent / "aside"
    aside.mkdir()
    for name in ("0.png", "1.png"):
        (two_folders / "a" / name).rename(aside / name)
    assert parts.indexer.index([two_folders]).removed == 2
    assert one not in parts.find_ids(picture(0), limit=100)
    assert parts.catalog.counts().removed == 2
    for name in ("0.png", "1.png"):
        (aside / name).rename(two_folders / "a" / name)
    calls = parts.encoders["colour-grid"].calls
    report = parts.indexer.index([two_folders])
    assert (report.returned, report.added, parts.encoders["colour-grid"].calls) == (2, 0, calls)
    assert parts.catalog.images.get_many([one, hidden]) == before
    assert parts.find_ids(picture(0))[0] == one
    assert hidden not in parts.find_ids(picture(1), limit=100)
    assert (parts.catalog.counts().removed, parts.catalog.check()) == (0, [])


def test_when_the_bin_runs_out_what_was_hidden_stays_hidden(parts, two_folders):
    parts.indexer.index([two_folders])
    hidden, public = content_id(picture(1)), content_id(picture(0))
    parts.catalog.images.update(hidden, visibility=Visibility.PRIVATE, owner_id="ann")
    parts.catalog.images.update(public, tags=["red"])
    contents = {name: (two_folders / "a" / name).read_bytes() for name in ("0.png", "1.png")}
    for name in contents:
        (two_folders / "a" / name).unlink()
    parts.indexer.index([two_folders])
    assert parts.catalog.recycle_bin.empty(older_than=datetime.now(UTC) - timedelta(days=30)) == 0
    assert parts.catalog.recycle_bin.empty(older_than=datetime.now(UTC) + timedelta(days=1)) == 1
    for name, content in contents.items():
        (two_folders / "a" / name).write_bytes(content)
    parts.indexer.index([two_folders])
    assert parts.catalog.images.get(public).tags == ()
    assert parts.catalog.images.get(hidden).visibility is Visibility.PRIVATE
    assert hidden not in parts.find_ids(picture(1), limit=100)
    assert parts.catalog.check() == []


def test_an_upload_of_what_is_in_the_bin_keeps_its_visibility(parts, two_folders):
    parts.indexer.index([two_folders])
    blocked = content_id(picture(0))
    parts.catalog.images.update(blocked, visibility=Visibility.BLOCKED)
    (two_folders / "a" / "0.png").unlink()
    parts.indexer.index([two_folders])
    image, _ = parts.indexer.add_upload(picture(0), name="again")
    assert (image.id, image.visibility) == (blocked, Visibility.BLOCKED)
    assert parts.catalog.images.content(blocked) == picture(0)
    assert blocked not in parts.find_ids(picture(0), limit=100)


def test_nested_roots(parts, two_folders):
    report = parts.indexer.index([two_folders, two_folders / "a"])
    assert (report.found, report.added) == (6, 6)
    shutil.rmtree(two_folders / "a")
    report = parts.indexer.index([two_folders, two_folders / "a"])
    assert (report.removed, away(report)) == (0, [(str(two_folders / "a"), 3)])
    assert all_known(parts) == ids(*ALL)
