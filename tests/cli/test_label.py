def test_pairs_are_queued_and_written_to_a_table(run, shop, tmp_path):
    table = tmp_path / "pairs.tsv"
    done = run.json("label", "mine", "--count", 12, "--queries", 6, "--depth", 5, "--out", table)
    assert (done["queued"], done["graded"]) == (12, 0)
    lines = table.read_text().splitlines()
    assert lines[0] == "query\timage\tgrade"
    assert len(lines) == 13
    shown = run("label", "mine", "--count", 5, "--strategy", "random").stdout
    assert "5 pairs" in shown
    assert "wait for a grade of mine" in shown


def test_a_strategy_that_lacks_a_model_is_refused(run, shop):
    assert "--model" in run("label", "mine", "--strategy", "disagreement", code=2).stderr
