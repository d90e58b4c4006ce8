from lookalike.reranking import (
    Limit,
)
from reranking.made_candidates import WHOLE, candidates, ids


def test_limit_keeps_the_best():
    assert ids(Limit(2)(WHOLE, candidates(*range(5)))) == [0, 1]
