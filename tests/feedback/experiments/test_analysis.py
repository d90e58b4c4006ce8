from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from lookalike.catalog import Arm, Assignment, Experiment, ExperimentKind, Outcome, Plan
from lookalike.feedback.experiments import analyse

EXPERIMENT = Experiment(
    name="try",
    kind=ExperimentKind.INTERLEAVE,
    challenger="new",
    control="old",
    share=1.0,
    seed="s",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)
SPLIT = replace(EXPERIMENT, kind=ExperimentKind.SPLIT)


def outcome(number, arm=Arm.BOTH, clicks=(), impressions=(1, 2)):
    assignment = Assignment(query_id=str(number), experiment="try", arm=arm, teams=(1, 2))
    return Outcome(assignment=assignment, impressions=impressions, clicks=clicks)


def interleaved(preferring, of=400):
    """Queries with a click each, of which a share is on the challenger's hit."""
    clicks = np.random.default_rng(0).random(of) < preferring
    return [outcome(number, clicks=(2,) if new else (1,)) for number, new in enumerate(clicks)]


def split(control, treated, each=2_000):
    rng = np.random.default_rng(0)
    found = []
    for arm, rate in ((Arm.CONTROL, control), (Arm.TREATMENT, treated)):
        clicked = rng.random(each) < rate
        found += [outcome(f"{arm}{number}", arm, clicks=(1,) if one else ()) for number, one in enumerate(clicked)]
    return found


@pytest.mark.parametrize(("preferring", "decision"), [(0.7, "better"), (0.3, "worse"), (0.5, "running")])
def test_interleaving_is_decided_by_the_preferences_of_queries(preferring, decision):
    found = analyse(EXPERIMENT, interleaved(preferring))
    assert found.decision == decision
    assert found.credits.wins + found.credits.losses == found.queries == 400


def test_queries_that_nobody_saw_do_not_count():
    unseen = [outcome(f"u{number}", impressions=()) for number in range(100)]
    assert analyse(EXPERIMENT, [*interleaved(0.5, of=50), *unseen]).queries == 50


@pytest.mark.parametrize(("treated", "decision"), [(0.42, "better"), (0.25, "worse"), (0.1, "harmful")])
def test_a_split_is_decided_by_click_rates_and_stopped_by_its_guard(treated, decision):
    found = analyse(SPLIT, split(0.33, treated))
    assert found.decision == decision
    assert found.rates["control"] == pytest.approx(0.33, abs=0.03)
    assert found.guards[0].is_broken == (decision == "harmful")


def test_an_experiment_that_finds_nothing_ends_undecided():
    few = replace(EXPERIMENT, plan=Plan(most_queries=300))
    assert analyse(few, interleaved(0.5)).decision == "undecided"
    coarse = replace(EXPERIMENT, plan=Plan(least_effect=0.9))
    assert "the least that matters" in analyse(coarse, interleaved(0.5)).reason
