def test_an_experiment_starts_is_looked_at_and_stops(run, shop, two_models):
    started = run("experiment", "start", "try", "--model", "blind", "--share", 0.5, models=two_models)
    assert "interleave of blind against tiny, on 50% of the queries" in started.stdout
    status = run.json("experiment", "status", models=two_models)
    assert (status["name"], status["decision"], status["queries"]) == ("try", "running", 0)
    assert "nothing yet" in run("experiment", "status").stdout
    assert run.json("experiment", "stop", "--reason", "enough")["name"] == "try"
    assert run.json("experiment", "status", "try")["reason"] == "enough"
    assert "no experiment is running" in run("experiment", "stop", code=2).stderr


def test_a_start_says_what_it_tries(run, shop, two_models):
    assert "--swap alone" in run("experiment", "start", "x", code=2).stderr
    assert "--swap alone" in run("experiment", "start", "x", "--model", "blind", "--swap", code=2).stderr
    assert run.json("experiment", "start", "x", "--swap", "--share", 0.1)["kind"] == "swap"


def test_the_size_of_both_kinds_is_told(run):
    sizes = run.json("experiment", "size", "--rate", 0.3, "--effect", 0.02)
    assert sizes["split"] > sizes["interleave"] > 0
