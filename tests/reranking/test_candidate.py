import numpy as np
import pytest

from lookalike.reranking import (
    Limit,
    NotItself,
    RankingQuery,
    rerank,
)
from reranking.made_candidates import candidates, ids


def test_rerankers_apply_in_order():
    asked = RankingQuery(image_id=f"{1:032x}", include_self=False)
    assert ids(rerank(asked, candidates(1, 2, 3), [NotItself(), Limit(1)])) == [2]


def test_taking_keeps_everything_of_an_image_together():
    made = candidates(1, 2, 3, angles=[0.1, 0.2, 0.3], hashes=[5, 6, 7])
    taken = made.take([2, 0])
    assert ids(taken) == [3, 1]
    assert taken.columns["difference_hash"].tolist() == [7, 5]
    np.testing.assert_array_equal(taken.vectors, made.vectors[[2, 0]])


def test_the_first_of_fewer_are_all():
    assert ids(candidates(1, 2).first(5)) == [1, 2]
    assert ids(candidates(1, 2, 3).first(2)) == [1, 2]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_but_one_are_the_others_in_their_order(place):
    made = candidates(1, 2, 3, angles=[0.1, 0.2, 0.3], hashes=[5, 6, 7])
    left = made.without(place)
    others = [one for one in range(3) if one != place]
    assert ids(left) == [one + 1 for one in others]
    assert left.columns["difference_hash"].tolist() == [one + 5 for one in others]
    np.testing.assert_array_equal(left.vectors, made.vectors[others])
    assert len(left.cosines) == 2
