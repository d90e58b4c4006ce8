def test_too_few_clicks_end_a_turn_with_the_code_that_the_timer_takes_for_no_failure(run, shop):
    ended = run("loop", code=2)
    assert "0 clicks are fewer than the 500 that a turn needs" in ended.stderr
