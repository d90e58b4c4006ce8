import re

from parts import write_pictures


def test_keys_are_made_listed_and_revoked_and_that_is_written_down(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(3)))
    made = run.json("keys", "create", "shop", "--scope", "search", "--scope", "events", "--expires", "30d")
    assert re.fullmatch(r"lk_[a-z0-9]{8}_[\w-]{43}", made["key"])
    assert made["scopes"] == ["events", "search"]
    (listed,) = run.json("keys", "list")
    assert (listed["name"], listed["works"]) == ("shop", True)
    assert made["key"].rpartition("_")[2] not in run("keys", "list").stdout
    assert run.json("keys", "revoke", made["key"])["works"] is False
    assert "revoked" in run("keys", "list").stdout
    actions = [(one["action"], one["subject"]) for one in run.json("audit")]
    assert actions == [("key.revoke", made["prefix"]), ("key.create", made["prefix"])]
    assert all(one["actor"].startswith("cli:") for one in run.json("audit"))
    assert "expires" in run("keys", "create", "a", "--expires", "soon", code=2).stderr


def test_a_server_that_others_reach_does_not_start_without_a_key(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(3)))
    refused = run("serve", "--host", "0.0.0.0", "--port", 0, code=2)  # noqa: S104
    assert "keys create" in refused.stderr
    assert "--open" in refused.stderr
