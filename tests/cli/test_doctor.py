from lookalike.catalog import content_id
from parts import write_pictures


def test_a_library_that_works_has_no_problems(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(4)))
    found = {one["check"]: one for one in run.json("doctor")}
    assert {"disk", "permissions", "database", "clock", "model", "snapshot"} <= found.keys()
    assert {"moderation", "limits", "exposure"} <= found.keys()
    assert "reproduces stored vectors" in found["model"]["told"]
    assert all(one["advice"] for one in found.values() if one["state"] != "ok")
    key = run.json("keys", "create", "a")["key"]
    run("keys", "revoke", key)
    broken = run("doctor", code=4)
    assert "every API key is revoked" in broken.stdout
    assert "keys create" in broken.stdout


def test_a_classifier_that_is_not_there_and_images_that_wait_are_told(run, tmp_path, monkeypatch):
    run("index", write_pictures(tmp_path / "photos", range(2)))
    image_id = content_id(next((tmp_path / "photos").iterdir()).read_bytes())
    run("moderation", "decide", image_id, "--as", "held")
    waiting = {one["check"]: one for one in run.json("doctor")}["moderation"]
    assert (waiting["state"], waiting["told"]) == ("warning", "1 images wait for review")
    monkeypatch.setenv("LOOKALIKE_MODERATION", "nobody/has:hold=0.5")
    broken = {one["check"]: one for one in run.json("doctor", code=4)}["moderation"]
    assert broken["state"] == "problem"
    assert "nobody" in broken["told"]
