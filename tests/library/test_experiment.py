"""Starting, looking at and stopping an experiment as a product does."""

from dataclasses import replace

import pytest

import lookalike
from lookalike import Query
from lookalike.catalog import ExperimentKind, Plan
from lookalike.library.experiment import (
    StartRequest,
    StatusRequest,
    experiment_status,
    start_experiment,
    stop_experiment,
)
from lookalike.progress import Silent
from lookalike.types import Interaction, InteractionKind

START = StartRequest(name="try", challenger="blind")


def search_and_click(library, shop, *, simulated=False):
    """People search, see all hits, and click what the control put there."""
    catalog = library.parts.catalog
    for number in range(40):
        answer = library.search(Query.picture(shop / f"{number % 12}-0.png"), limit=10).answer
        (teams,) = [
            one.assignment.teams
            for one in catalog.experiments.outcomes("try")
            if one.assignment.query_id == answer.query_id
        ]
        clicked = teams[:10].index(1)
        kinds = [(InteractionKind.IMPRESSION, 0), (InteractionKind.CLICK, clicked)]
        catalog.interactions.write(
            [
                Interaction(
                    event_id=f"{answer.query_id} {kind}",
                    query_id=answer.query_id,
                    image_id=answer.hits[place].image.id,
                    position=place + 1,
                    kind=kind,
                    at=catalog.experiments.all()[0].started_at,
                    simulated=simulated,
                )
                for kind, place in kinds
            ]
        )


def test_an_experiment_runs_is_decided_and_stops(library, shop):
    start_experiment(library.parts, START, Silent())
    search_and_click(library, shop)
    found = experiment_status(library.parts.catalog, StatusRequest())
    assert (found.experiment.name, found.verdict.queries, found.verdict.decision) == ("try", 40, "worse")
    assert stop_experiment(library.parts.catalog, reason="decided").name == "try"
    assert experiment_status(library.parts.catalog, StatusRequest(name="try")).experiment.reason == "decided"
    with pytest.raises(lookalike.CallerError, match="no experiment is running"):
        stop_experiment(library.parts.catalog)


def test_simulated_searches_count_only_when_asked_for(library, shop):
    start_experiment(library.parts, START, Silent())
    search_and_click(library, shop, simulated=True)
    assert experiment_status(library.parts.catalog, StatusRequest()).verdict.queries == 0
    found = experiment_status(library.parts.catalog, StatusRequest(include_simulated=True))
    assert (found.simulated, found.verdict.queries) == (True, 40)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"challenger": "tiny"}, "tiny is the live model"),
        ({"challenger": "nowhere"}, "nowhere"),
        ({"share": 0.0}, "--share 0: must be above 0"),
        ({"name": " "}, "needs a name"),
        ({"plan": Plan(least_effect=0)}, "--least-effect"),
    ],
)
def test_what_cannot_be_tried_is_refused(library, shop, wrong, message):
    with pytest.raises(lookalike.LookalikeError, match=message):
        start_experiment(library.parts, replace(START, **wrong), Silent())
    assert library.parts.catalog.experiments.running() is None


def test_swaps_need_no_other_model(library, shop):
    swaps = StartRequest(name="swaps", kind=ExperimentKind.SWAP, share=0.5)
    assert start_experiment(library.parts, swaps, Silent()).challenger == ""
    assert experiment_status(library.parts.catalog, StatusRequest()).verdict.decision == "running"


def test_there_is_nothing_to_look_at_before_the_first(library, shop):
    with pytest.raises(lookalike.CallerError, match="there was no experiment yet"):
        experiment_status(library.parts.catalog, StatusRequest())
