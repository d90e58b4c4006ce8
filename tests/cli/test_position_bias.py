import pytest


@pytest.fixture
def clicked(run, shop, two_models):
    """Simulated people have searched, answered by two models."""
    run("simulate", shop / "grades.qrels", "--sessions", 1500, "--shown", 4, "--models", "blind", models=two_models)
    return shop


def test_the_curve_is_printed_and_written_for_training(run, clicked, tmp_path):
    file = tmp_path / "bias.txt"
    shown = run("position-bias", "--include-simulated", "--out", file, "--columns", 3).stdout
    assert "row, column" in shown
    assert "simulated searches" in shown
    document = run.json("position-bias", "--include-simulated", "--columns", 3)
    assert [place["row"] for place in document["places"]] == [1, 1, 1, 2]
    written = [float(line) for line in file.read_text().splitlines()]
    known = [place for place in document["places"] if place["propensity"] is not None]
    assert len(known) >= 2
    assert [written[place["rank"] - 1] for place in known] == pytest.approx(
        [one["propensity"] for one in known], abs=0.01
    )
    assert all(place["low"] <= place["propensity"] <= place["high"] for place in known)


def test_without_clicks_of_people_it_says_what_to_do(run, clicked):
    assert "--include-simulated" in run("position-bias", code=2).stderr
