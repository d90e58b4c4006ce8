import time

import pytest

from lookalike.retrieval.stopwatch import Stopwatch


def test_time_is_added_up_by_stage_also_of_stages_that_fail():
    watch = Stopwatch()
    for _ in range(2):
        with watch("search"):
            time.sleep(0.002)
    with pytest.raises(ValueError, match="x"), watch("embed"):
        raise ValueError("x")
    assert watch.milliseconds["search"] >= 4
    assert watch.milliseconds["embed"] > 0
    assert watch.milliseconds["decode"] == 0


def test_a_stage_that_nobody_knows_is_a_mistake():
    with pytest.raises(KeyError), Stopwatch()("guess"):
        pass
