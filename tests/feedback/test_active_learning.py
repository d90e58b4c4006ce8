from collections import Counter

import numpy as np
import pytest

from lookalike.errors import CallerError
from lookalike.feedback.active_learning import STRATEGIES, PairPool, choose

QUERIES, HITS = 20, 10


def pool(**more):
    rng = np.random.default_rng(0)
    cosines = np.sort(rng.random((QUERIES, HITS)), axis=1)[:, ::-1]
    given = {
        "queries": np.repeat(np.arange(QUERIES), HITS),
        "images": np.tile(np.arange(HITS), QUERIES),
        "ranks": np.tile(np.arange(1, HITS + 1), QUERIES),
        "cosines": cosines.ravel(),
        "graded": np.zeros(QUERIES * HITS, dtype=bool),
        "other_ranks": np.tile(np.arange(1, HITS + 1), QUERIES),
        "vectors": rng.normal(size=(QUERIES * HITS, 4)).astype(np.float32),
    }
    return PairPool(**given | more)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_pairs_are_new_chosen_once_and_spread_over_queries(strategy):
    graded = np.zeros(QUERIES * HITS, dtype=bool)
    graded[::3] = True
    chosen = choose(pool(graded=graded), strategy, 40, np.random.default_rng(1))
    assert len(chosen) == len(set(chosen.tolist())) == 40
    assert not graded[chosen].any()
    assert max(Counter((chosen // HITS).tolist()).values()) <= 4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_of_near_duplicates_a_query_gets_one(strategy):
    chosen = choose(pool(images=np.tile(np.arange(HITS) // 5, QUERIES)), strategy, 400, np.random.default_rng(1))
    pairs = Counter((int(one) // HITS, int(one) % HITS // 5) for one in chosen)
    assert max(pairs.values()) == 1


def test_uncertainty_takes_what_two_neighbouring_ranks_disagree_least_about():
    cosines = np.tile(np.linspace(0.9, 0.1, HITS), (QUERIES, 1))
    cosines[3, 1] = cosines[3, 0] - 0.0001
    chosen = choose(pool(cosines=cosines.ravel()), "uncertainty", 10, np.random.default_rng(1), exploration=0.0)
    assert set(chosen[:2].tolist()) == {30, 31}


def test_disagreement_takes_what_two_models_rank_most_differently():
    other = np.tile(np.arange(1, HITS + 1), QUERIES)
    other[50], other[77] = 500, 1
    chosen = choose(pool(other_ranks=other), "disagreement", 10, np.random.default_rng(1), exploration=0.0)
    assert set(chosen[:2].tolist()) == {50, 77}


def test_coverage_takes_what_is_least_like_the_graded_pairs():
    vectors = np.zeros((QUERIES * HITS, 4), dtype=np.float32)
    vectors[120], vectors[45] = 9, -7
    graded = np.zeros(QUERIES * HITS, dtype=bool)
    graded[0] = True
    chosen = choose(pool(vectors=vectors, graded=graded), "coverage", 10, np.random.default_rng(1), exploration=0.0)
    assert chosen[:2].tolist() == [120, 45]


def test_for_estimates_every_rank_is_drawn_and_upper_ranks_more_often():
    big = pool()
    drawn = np.concatenate([choose(big, "estimate", 60, np.random.default_rng(seed)) % HITS for seed in range(40)])
    shares = np.bincount(drawn, minlength=HITS)
    assert shares.min() > 0
    assert shares[0] > 1.5 * shares[-1]


@pytest.mark.parametrize("each", [1, 3])
def test_for_estimates_every_query_gets_its_even_share(each):
    chosen = choose(pool(), "estimate", each * QUERIES, np.random.default_rng(1))
    assert np.bincount(chosen // HITS, minlength=QUERIES).tolist() == [each] * QUERIES


def test_what_a_strategy_lacks_is_named():
    with pytest.raises(CallerError, match="name the other one with --model"):
        choose(pool(other_ranks=None), "disagreement", 5, np.random.default_rng(0))
    with pytest.raises(CallerError, match="choose one of uncertainty"):
        choose(pool(), "luck", 5, np.random.default_rng(0))
