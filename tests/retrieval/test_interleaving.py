from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import ColourGridEncoder
from lookalike.retrieval import ExactRanker, InterleavedRanker, Query, team_draft
from parts import write_pictures

lists = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


@given(first=lists, second=lists, seed=st.integers(0, 10))
def test_every_hit_of_both_is_there_once_and_each_team_keeps_its_order(first, second, seed):
    shown, teams = team_draft(first, second, np.random.default_rng(seed))
    assert sorted(shown) == sorted({*first, *second})
    assert len(teams) == len(shown)
    for team, ranking in ((1, first), (2, second)):
        chosen = [one for one, of in zip(shown, teams, strict=True) if of in (0, team)]
        assert chosen == [one for one in ranking if one in chosen]


@given(length=st.integers(1, 10), seed=st.integers(0, 10))
def test_while_both_have_hits_no_team_is_more_than_one_ahead(length, seed):
    first, second = [f"a{number}" for number in range(length)], [f"b{number}" for number in range(length)]
    _, teams = team_draft(first, second, np.random.default_rng(seed))
    ahead = np.cumsum(np.array(teams) * 2 - 3)
    assert np.abs(ahead).max() <= 1


def test_where_both_would_show_the_same_hit_it_belongs_to_neither():
    assert team_draft("abcd", "abcd", np.random.default_rng(0)) == (list("abcd"), [0, 0, 0, 0])
    shown, teams = team_draft("abxd", "abyd", np.random.default_rng(0))
    assert (shown[:2], teams[:2], sorted(teams[2:])) == (["a", "b"], [0, 0], [0, 1, 2])


def test_each_ranker_begins_equally_often():
    rng = np.random.default_rng(0)
    teams = np.array([team_draft("abcd", "efgh", rng)[1] for _ in range(4_000)])
    assert (teams == 1).mean(axis=0) == pytest.approx(np.full(8, 0.5), abs=0.03)


@pytest.fixture
def rankers(parts, tmp_path):
    """The live ranker, and one of a model that sees other things; both over forty pictures."""
    parts.indexer.index([write_pictures(tmp_path / "photos", range(40))])
    other = ColourGridEncoder(name="other", seed=2)
    parts.indexer_for(other).embed_known()
    return parts.engine.ranker, ExactRanker(parts.catalog, other)


def test_hits_of_both_rankers_are_shown_with_the_cosines_of_the_first(parts, rankers):
    first, second = rankers
    image = parts.catalog.images.browse(limit=1).images[0]
    query = Query.image(image.id)
    alone = first.rank(query)
    both = InterleavedRanker(parts.catalog, first, second).interleave("query 1", query, alone)
    shown = both.ranking.candidates
    assert set(shown.image_ids) == {*alone.candidates.image_ids, *second.rank(query).candidates.image_ids}
    assert len(both.teams) == len(shown.image_ids)
    cosines = dict(zip(alone.candidates.image_ids, alone.candidates.cosines.tolist(), strict=True))
    assert [cosines[one] for one in shown.image_ids] == shown.cosines.tolist()
    assert shown.image_ids[:2] != alone.candidates.image_ids[:2] or shown.image_ids != alone.candidates.image_ids


def test_a_hit_that_only_the_second_ranker_found_is_described_by_the_first_ones_model(parts, rankers):
    first, second = rankers
    image = parts.catalog.images.browse(limit=1).images[0]
    query = Query.image(image.id)
    alone = first.rank(query)
    few = replace(alone, candidates=alone.candidates.first(3))
    shown = InterleavedRanker(parts.catalog, first, second).interleave("q", query, few).ranking.candidates
    new = [place for place, one in enumerate(shown.image_ids) if one not in few.candidates.image_ids]
    known = dict(zip(alone.candidates.image_ids, alone.candidates.cosines.tolist(), strict=True))
    assert len(new) > 30
    assert shown.cosines[new] == pytest.approx([known[shown.image_ids[place]] for place in new])


def test_the_same_query_gives_the_same_list_and_another_one_other_coins(parts, rankers):
    image = parts.catalog.images.browse(limit=1).images[0]
    query, both = Query.image(image.id), InterleavedRanker(parts.catalog, *rankers, seed="s")
    ranking = rankers[0].rank(query)
    teams = {key: both.interleave(key, query, ranking).teams for key in ("a", "b", "c")}
    assert both.interleave("a", query, ranking).teams == teams["a"]
    assert len(set(teams.values())) > 1
    assert both.rank(query).image_ids == both.rank(query).image_ids
