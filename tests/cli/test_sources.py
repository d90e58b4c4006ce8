"""Folders that are listed, forgotten, missing or renamed, as a person at the terminal sees them."""

import json
import shutil

from doubles import picture
from lookalike.catalog import content_id
from lookalike.indexing import alone
from parts import write_pictures


def test_an_empty_mount_point_is_said_and_ends_with_3(run, photos):
    run("index", photos)
    photos.rename(photos.with_name("away"))
    photos.mkdir()
    told = run("index", photos, code=3)
    assert "12 files are missing; nothing that is known of them was removed" in told.stdout
    assert f"{photos} holds no images any more (12 files were indexed there)" in told.stdout
    assert "--forget-missing" in told.stdout
    document = json.loads(run("index", photos, "--json", code=3).stdout)
    assert (document["removed"], document["missing"]) == (
        0,
        [{"path": str(photos), "images": 12, "reason": "holds no images any more"}],
    )
    assert run.json("index", photos, "--forget-missing")["removed"] == 12


def test_sources_lists_folders_with_images_and_missing(run, photos, tmp_path):
    other = write_pictures(tmp_path / "other", range(30, 33))
    run("index", photos, other)
    shutil.rmtree(other)
    run("index", other, code=3)
    listed = {one["path"]: one for one in run.json("sources")["sources"]}
    assert (listed[str(photos)]["images"], listed[str(photos)]["missing"], listed[str(photos)]["there"]) == (
        12,
        0,
        True,
    )
    assert (listed[str(other)]["images"], listed[str(other)]["missing"], listed[str(other)]["there"]) == (3, 3, False)
    assert listed[str(photos)]["last_run"] is not None
    assert "(not there now)" in run("sources").stdout


def test_hits_whose_files_are_missing_are_not_shown(run, photos, tmp_path):
    other = write_pictures(tmp_path / "other", range(30, 33))
    run("index", photos, other)
    shutil.rmtree(other)
    found = run.json("search", photos / "0.png", "-n", "12")
    assert {hit["source"] for hit in found["hits"]} == {str(path) for path in photos.iterdir()}
    assert "3 hits are not shown" in " ".join(run.json("search", photos / "0.png", "-n", "50")["notes"])


def test_every_path_of_a_picture_is_shown(run, photos):
    (photos / "copy.png").write_bytes(picture(3))
    run("index", photos)
    hit = run.json("search", photos / "3.png", "-n", "1")["hits"][0]
    assert sorted(hit["sources"]) == [str(photos / "3.png"), str(photos / "copy.png")]
    assert "also " in run("search", photos / "3.png", "-n", "1").stdout
    (photos / "3.png").unlink()
    hit = run.json("search", photos / "copy.png", "-n", "1")["hits"][0]
    assert (hit["source"], hit["sources"]) == (str(photos / "copy.png"), [str(photos / "copy.png")])


def test_forgetting_a_folder_touches_no_file_and_holds_until_it_is_named(run, photos, tmp_path):
    write_pictures(photos / "private", range(40, 43))
    (photos / "also.png").write_bytes(picture(40))
    run("index", photos)
    before = sorted(photos.rglob("*"))
    dry = run.json("forget", photos / "private", "--dry-run")["forgotten"][0]
    assert (dry["files"], dry["images"], dry["kept"]) == (3, 2, 1)
    done = run.json("forget", photos / "private")["forgotten"][0]
    assert (done["files"], done["images"], done["kept"]) == (3, 2, 1)
    assert sorted(photos.rglob("*")) == before
    assert run.json("stats")["counts"]["live"] == 13
    report = run.json("index", photos)
    assert (report["added"], report["unchanged"]) == (0, 13)
    assert {"reason": "forgotten", "suffix": "/", "count": 1} in report["skipped"]
    assert run.json("sources")["forgotten"] == [str(photos / "private")]
    report = run.json("index", photos / "private")
    assert (report["returned"], report["known_again"]) == (2, 1)
    assert run.json("sources")["forgotten"] == []
    assert run.json("index", photos)["unchanged"] == 16


def test_forgetting_a_folder_that_is_gone_and_an_image_by_its_id(run, photos, tmp_path):
    gone = write_pictures(tmp_path / "gone", range(30, 33))
    run("index", photos, gone)
    shutil.rmtree(gone)
    assert "3 images taken out" in run("forget", gone).stdout
    listed = run.json("sources")
    assert ([one["path"] for one in listed["sources"]], listed["forgotten"]) == ([str(photos)], [])
    one = content_id(picture(3))
    assert run.json("forget", one)["forgotten"][0]["images"] == 1
    assert (photos / "3.png").exists()
    assert run.json("index", photos)["left_out"] == 1
    assert "nothing was changed" in run("forget", tmp_path / "never", code=2).stderr
    run("forget", "0" * 32, code=2)


def test_forgetting_for_good_keeps_nothing(run, photos):
    run("index", photos)
    run("forget", photos, "--for-good")
    assert run.json("stats")["counts"]["removed"] == 0
    report = run.json("index", photos)
    assert (report["added"], report["returned"]) == (12, 0)


def test_moved_files_are_called_moved(run, photos):
    run("index", photos)
    photos.rename(photos.with_name("Italy"))
    assert "12 moved, 0 known already, 0 gone" in run("index", photos.with_name("Italy"), COLUMNS="200").stdout
    assert all("Italy" in hit["source"] for hit in run.json("search", photos.with_name("Italy") / "0.png")["hits"])


def test_skipped_files_are_counted_by_reason_and_suffix(run, photos):
    for name in ("a.mp4", "b.MP4", "c.mov", "book.pdf", "notes.txt", ".hidden.png", "README"):
        (photos / name).write_bytes(b"x")
    write_pictures(photos / "@eaDir", [50])
    told = run("index", photos, COLUMNS="200").stdout
    assert "19 files: 12 added" in told
    for line in (
        "skipped 3 video (.mp4 2, .mov 1)",
        "skipped 1 PDF (.pdf 1)",
        "skipped 1 other (.txt 1)",
        "skipped 1 system folder (@eaDir 1)",
        "skipped 1 hidden",
        "skipped 1 no image's suffix",
    ):
        assert line in told


def test_a_refused_file_is_tried_again_when_the_limit_is_raised(run, photos):
    (photos / "large.png").write_bytes(picture(60, size=(300, 300)))
    small = {"LOOKALIKE_MAX_IMAGE_PIXELS": "50000"}
    assert len(run.json("index", photos, **small)["refused"]) == 1
    assert run.json("index", photos, **small)["unchanged"] == 13
    assert run.json("index", photos)["added"] == 1
    assert run.json("stats")["refused"] == []
    assert run.json("index", photos)["unchanged"] == 13


def test_patterns_leave_files_out(run, photos):
    write_pictures(photos / "drafts", range(40, 43))
    (photos / ".lookalikeignore").write_text("# mine\n1*.png\n!11.png\n")
    report = run.json("index", photos, "--exclude", "Drafts/", "--exclude", "/0.png")
    assert report["added"] == 9  # 2 to 9, and 11
    assert run.json("index", photos, "--include", "drafts/*.PNG")["added"] == 3
    assert "pattern" in run("index", photos, "--exclude", "!", code=2).stderr


def test_a_model_that_is_used_is_not_removed_by_mistake(run, photos, tmp_path, models):
    own = tmp_path / "models"
    shutil.copytree(models, own)
    run("index", photos, models=own)
    assert "answers the searches" in run("models", "remove", "tiny", code=2, models=own).stderr
    assert (own / "tiny").exists()
    run("models", "remove", "tiny", "--force", models=own)
    assert not (own / "tiny").exists()


def test_without_a_path_all_folders_of_the_library_are_indexed(run, photos, tmp_path):
    told = run("index", code=3).stderr
    assert "there is no library" in " ".join(told.split())
    run("index", photos, write_pictures(tmp_path / "more", range(30, 33)))
    (photos / "new.png").write_bytes(picture(50))
    (tmp_path / "more" / "30.png").unlink()
    report = run.json("index")
    assert (report["added"], report["unchanged"], report["removed"]) == (1, 14, 1)


def test_nothing_is_forgotten_while_another_process_indexes(run, photos, tmp_path):
    run("index", photos)
    with alone(tmp_path / "library" / "index.lock"):
        told = run("forget", photos, code=3)
    assert "another process is indexing into this library; nothing was changed" in " ".join(told.stderr.split())
    assert run.json("stats")["counts"]["live"] == 12
    assert run.json("forget", photos)["forgotten"][0]["images"] == 12
