import shutil

from parts import write_pictures


def test_a_catalog_put_back_is_told_and_cured_by_the_next_run(run, tmp_path):
    library, photos = tmp_path / "library", write_pictures(tmp_path / "photos", range(12))
    run("index", photos)
    shutil.copy(library / "catalog.sqlite", tmp_path / "monday")
    run("index", write_pictures(photos, range(12, 20)))
    for path in library.glob("catalog.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "monday", library / "catalog.sqlite")
    told = run.json("verify", code=4)
    assert not told["clean"]
    assert "an older catalog was put in place" in told["problems"][0]
    assert "an older catalog was put in place" in run.json("stats")["notes"]
    run("index", photos)
    assert run.json("verify")["clean"]
    assert run.json("stats")["notes"] == ""
    assert run.json("search", photos / "19.png")["hits"][0]["source"].endswith("19.png")
