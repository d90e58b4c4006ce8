def test_simulated_searches_are_written_and_said_to_be_simulated(run, shop):
    done = run.json("simulate", shop / "grades.qrels", "--sessions", 50, "--shown", 6, "--bots", 0.1)
    assert (done["simulated"], done["queries"], done["propensities"][:2]) == (True, 50, [1.0, 0.5])
    assert done["bot_sessions"] > 0
    assert "All are marked as simulated" in run("simulate", shop / "grades.qrels", "--sessions", 5).stdout
    counts = run.json("stats")["counts"]
    assert counts["interactions"]["click"] == 0
    assert counts["simulated_interactions"]["click"] >= done["clicks"]


def test_an_unknown_click_model_is_refused_with_the_known_ones(run, shop):
    refused = run("simulate", shop / "grades.qrels", "--click-model", "magic", code=2)
    assert "choose one of position, cascade, trust" in refused.stderr
