import pytest

from doubles import picture


@pytest.fixture
def models(two_models):
    """A model that sees, and one that sees next to nothing."""
    return two_models


def live(run):
    return run.json("stats")["model"]["name"]


def test_a_model_that_ranks_worse_is_refused(run, shop):
    done = run("models", "promote", "blind", "--judgements", shop / "grades.qrels", "--measures", "mAP", code=2)
    assert "blind ranks worse than tiny: mAP" in done.stderr
    assert "mAP" in done.stdout, "the comparison is shown"
    assert live(run) == "tiny"
    refused = run.json("models", "promote", "blind", "--judgements", shop / "grades.qrels", code=2)
    assert refused["error"] == "promotion-refused"


def test_a_model_that_ranks_better_takes_over(run, shop):
    run("models", "promote", "blind", "--force")
    found = run.json("models", "promote", "tiny", "--judgements", shop / "grades.qrels", "--measures", "mAP,P@2")
    assert found["model"]["name"] == "tiny"
    assert found["before"]["name"] == "blind"
    assert found["embedded"] == 0, "its vectors were kept"
    assert found["comparisons"]["mAP"]["difference"]["low"] > 0
    assert live(run) == "tiny"


def test_nobody_switches_to_what_nobody_measured(run, shop):
    vectors = run.json("stats")["counts"]
    done = run("models", "promote", "blind", code=2)
    assert "--judgements" in done.stderr
    assert run.json("stats")["counts"] == vectors, "it is refused before anything is embedded"
    assert live(run) == "tiny"
    assert "blind answers now" in run("models", "promote", "blind", "--force").stdout
    assert live(run) == "blind"


def test_what_came_in_since_is_found_after_going_back(run, shop):
    run("models", "promote", "blind", "--force")
    (shop / "late.png").write_bytes(picture(99))
    run("index", shop)
    found = run.json("models", "rollback")
    assert (found["model"]["name"], found["before"]["name"], found["embedded"]) == ("tiny", "blind", 1)
    hits = run.json("search", shop / "late.png")["hits"]
    assert hits[0]["source"].endswith("late.png")
    assert run.json("verify")["problems"] == []
    run("models", "rollback")
    assert live(run) == "blind", "going back twice is where one was"
    steps = run.json("models", "history")
    assert [step["name"] for step in steps] == ["blind", "tiny", "blind", "tiny"]
    assert steps[0]["because"] == "rolled back from tiny"
    assert "promoted over tiny" in run("models", "history").stdout


def test_what_cannot_be_promoted_is_said(run, shop):
    assert "already the live model" in run("models", "promote", "tiny", "--force", code=2).stderr
    assert "no model is called 'tinny'" in run("models", "promote", "tinny", code=2).stderr
    assert "no model to roll back to" in run("models", "rollback", code=2).stderr


def test_a_library_where_nothing_was_indexed_has_no_model_to_replace(run, tmp_path):
    assert "there is no library" in run("models", "promote", "tiny", code=3).stderr
