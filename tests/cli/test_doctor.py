from parts import write_pictures


def test_a_library_that_works_has_no_problems(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(4)))
    found = {one["check"]: one for one in run.json("doctor")}
    assert {"disk", "permissions", "database", "clock", "model", "snapshot", "limits", "exposure"} <= found.keys()
    assert "reproduces stored vectors" in found["model"]["told"]
    assert all(one["advice"] for one in found.values() if one["state"] != "ok")
    key = run.json("keys", "create", "a")["key"]
    run("keys", "revoke", key)
    broken = run("doctor", code=4)
    assert "every API key is revoked" in broken.stdout
    assert "keys create" in broken.stdout
