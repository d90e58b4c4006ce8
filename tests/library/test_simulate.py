"""Simulated searches in a library: marked, repeatable, and ignored by what learns from people."""

from collections import Counter

import pytest

import lookalike
from lookalike.library.judging import JudgementSource
from lookalike.library.simulate import SIMULATED, SimulateRequest, simulate
from lookalike.progress import Silent
from lookalike.training.examples import ClickRules, click_pairs


def asked(shop, **more):
    source = JudgementSource(judgements=str(shop / "grades.qrels"))
    return SimulateRequest(judgements=source, **{"sessions": 60, "shown": 10, **more})


def test_simulated_people_search_click_and_stay_and_everything_is_marked(library, shop):
    found = simulate(library.parts, asked(shop), Silent())
    events = list(library.parts.catalog.interactions.read())
    kinds = Counter(event.kind for event in events)
    assert (kinds["impression"], kinds["click"], kinds["dwell"]) == (found.impressions, found.clicks, found.dwells)
    assert found.clicks > 0
    assert all(event.simulated and event.user_id.startswith(SIMULATED) for event in events)
    searches = list(library.parts.catalog.queries.followed())
    assert len(searches) == found.queries == 60
    assert all(one.generation.startswith(SIMULATED) and one.id.startswith(SIMULATED) for one in searches)
    assert set(library.parts.catalog.counts().interactions.values()) == {0}


def test_nothing_learns_from_simulated_clicks_unless_it_is_told_to(library, shop):
    simulate(library.parts, asked(shop, sessions=300), Silent())
    catalog = library.parts.catalog
    queries, events = list(catalog.queries.followed()), list(catalog.interactions.read())
    assert click_pairs(queries, events).pairs == ()
    assert click_pairs(queries, events, rules=ClickRules(include_simulated=True)).pairs != ()


def test_the_same_request_writes_nothing_twice_and_another_seed_adds_sessions(library, shop):
    first = simulate(library.parts, asked(shop), Silent())
    simulate(library.parts, asked(shop), Silent())
    assert library.parts.catalog.counts().simulated_interactions["click"] == first.clicks
    other = simulate(library.parts, asked(shop, seed=1), Silent())
    assert library.parts.catalog.counts().simulated_interactions["click"] == first.clicks + other.clicks


def test_several_models_show_the_same_image_at_several_ranks(library, shop):
    simulate(library.parts, asked(shop, sessions=200, models=("blind",)), Silent())
    ranks: dict[tuple[str, str], set[int]] = {}
    queries = {one.id: one for one in library.parts.catalog.queries.followed()}
    for event in library.parts.catalog.interactions.read():
        pair = (queries[event.query_id].image_id, event.image_id)
        ranks.setdefault(pair, set()).add(event.position)
    assert max(map(len, ranks.values())) > 1


def test_a_request_that_makes_no_sense_is_refused_by_name(shop):
    with pytest.raises(lookalike.CallerError, match="--click-model random: choose one of position, cascade, trust"):
        asked(shop, click_model="random")
    with pytest.raises(lookalike.CallerError, match="at least 1"):
        asked(shop, sessions=0)
