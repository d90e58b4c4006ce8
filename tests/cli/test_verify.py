import os
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


def test_a_file_that_was_changed_in_secret_is_named(run, tmp_path):
    photos = write_pictures(tmp_path / "photos", range(6))
    victim = photos / "3.png"
    content, status = victim.read_bytes(), victim.stat()
    run("index", photos)
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    told = run.json("verify", code=4)
    assert [str(victim) in problem for problem in told["problems"]] == [True]
    assert "--verify-content" in told["problems"][0]
    run("index", photos, "--verify-content")
    assert run.json("verify")["clean"]
