from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lookalike.catalog import Arm, Assignment, Experiment, ExperimentKind, Plan, QueryRecord
from lookalike.errors import CallerError
from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
EXPERIMENT = Experiment(
    name="try",
    kind=ExperimentKind.INTERLEAVE,
    challenger="new",
    control="old",
    share=0.5,
    seed="s",
    started_at=NOON,
    plan=Plan(least_effect=0.02),
)


def test_one_experiment_runs_at_a_time_and_each_name_is_used_once(catalog):
    catalog.experiments.start(EXPERIMENT)
    assert catalog.experiments.running() == EXPERIMENT
    with pytest.raises(CallerError, match="experiment try is running: stop it first"):
        catalog.experiments.start(replace(EXPERIMENT, name="other"))
    catalog.experiments.stop("try", reason="enough", at=NOON)
    assert catalog.experiments.running() is None
    with pytest.raises(CallerError, match="there was one of that name"):
        catalog.experiments.start(EXPERIMENT)
    with pytest.raises(CallerError, match="none of that name is running"):
        catalog.experiments.stop("try", reason="again")
    catalog.experiments.start(replace(EXPERIMENT, name="other"))
    assert [(one.name, one.reason) for one in catalog.experiments.all()] == [("other", ""), ("try", "enough")]


def test_what_people_did_is_found_by_query(catalog, library):
    image = library.addition("a").content_id
    catalog.images.add([library.addition("a")])
    catalog.queries.write(
        [QueryRecord(id=name, generation="g", ranked_ids=(image,), at=NOON) for name in ("q1", "q2", "q3")]
    )
    catalog.experiments.start(EXPERIMENT)
    one = Assignment(query_id="q1", experiment="try", arm=Arm.BOTH, teams=(1, 2, 2))
    catalog.experiments.assign([one, Assignment(query_id="q2", experiment="try", arm=Arm.BOTH)])
    catalog.experiments.assign([replace(one, teams=(2,))])
    done = {
        "query_id": "q1",
        "image_id": image,
        "position": 1,
        "at": NOON,
        "user_id": "ann",
    }
    catalog.interactions.write(
        [
            Interaction(event_id="1", kind=InteractionKind.IMPRESSION, **done),
            Interaction(event_id="2", kind=InteractionKind.CLICK, **done),
            Interaction(event_id="3", kind=InteractionKind.DWELL, dwell_seconds=2.5, **done),
        ]
    )
    first, second = catalog.experiments.outcomes("try")
    assert first.assignment == one, "the first word counts"
    assert (first.impressions, first.clicks, first.dwell_seconds, first.user_id) == ((1,), (1,), 2.5, "ann")
    assert (second.assignment.query_id, second.clicks, second.simulated) == ("q2", (), False)


def test_queries_that_are_forgotten_leave_the_experiment(catalog):
    catalog.queries.write([QueryRecord(id="q", generation="g", ranked_ids=(), at=NOON)])
    catalog.experiments.start(EXPERIMENT)
    catalog.experiments.assign([Assignment(query_id="q", experiment="try", arm=Arm.CONTROL)])
    catalog.queries.forget(older_than=NOON.replace(year=2027))
    assert catalog.experiments.outcomes("try") == []
