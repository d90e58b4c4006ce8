import json
import shutil

from parts import write_pictures


def test_backup_and_restore_from_the_command_line(run, photos, tmp_path, models):
    run("index", photos)
    library = tmp_path / "library"
    (library / "library.toml").write_text("port = 8500\n")
    (library / "training" / "runs" / "first").mkdir(parents=True)
    (library / "training" / "runs" / "first" / "config.json").write_text("{}")
    made = run.json("backup", tmp_path / "backups")
    assert (made["images"], made["missing"]) == (12, [])
    assert "Clean" in run("backup", tmp_path / "backups", "--check").stdout
    assert "12 images" in run("backup", tmp_path / "backups", "--keep", 1).stdout
    assert len(list((tmp_path / "backups").glob("0*"))) == 1

    assert "--replace" in run("restore", tmp_path / "backups", code=2).stderr
    elsewhere = tmp_path / "elsewhere"
    empty = tmp_path / "no-models"  # the model was imported here: it comes with the backup
    restored = run.json("restore", tmp_path / "backups", "--library", elsewhere, models=empty)
    assert (restored["images"], restored["models"]) == (12, ["tiny"])
    assert (elsewhere / "training" / "runs" / "first" / "config.json").read_text() == "{}"
    assert (elsewhere / "library.toml").read_text() == "port = 8500\n"
    found = run.json("search", photos / "3.png", "--library", elsewhere, models=empty)
    assert found["hits"][0]["source"] == str(photos / "3.png")
    assert run.json("verify", "--library", elsewhere, models=empty)["clean"]


def test_a_restore_over_the_library_keeps_what_was_there(run, photos, tmp_path):
    run("index", photos)
    run("backup", tmp_path / "backups")
    run("index", write_pictures(photos, range(12, 20)))
    restored = run.json("restore", tmp_path / "backups", "--replace")
    assert "catalog.sqlite" in {path.name for path in (tmp_path / "library" / "replaced").rglob("*")}
    assert str(tmp_path / "library" / "replaced") in restored["replaced"]
    assert run.json("stats")["counts"]["live"] == 12
    assert "an older catalog was put in place" in run.json("verify", code=4)["problems"][0]
    run("index", photos)
    assert run.json("verify")["clean"]
    assert run.json("stats")["counts"]["live"] == 20


def test_a_damaged_backup_ends_with_four(run, photos, tmp_path):
    run("index", photos)
    made = run.json("backup", tmp_path / "backups")
    shutil.copy(photos / "3.png", f"{made['folder']}/catalog.sqlite")
    checked = json.loads(run("backup", tmp_path / "backups", "--check", "--json", code=4).stdout)
    assert not checked["clean"]
    assert "nothing was changed" in run("restore", tmp_path / "backups", "--replace", code=3).stderr
