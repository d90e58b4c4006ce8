"""Policies that put the best candidates into another order.

They look at the same number of the best ones, however many were found, and leave what follows in its place: otherwise a
later page, which ranks more, could change what an earlier one has shown.
"""

from collections.abc import Sequence

from lookalike.reranking.candidate import Candidates

REORDERED_HITS = 100
"""How many of the best candidates may change places."""


def reordered(candidates: Candidates, order: Sequence[int]) -> Candidates:
    """The candidates with the first ones in this order, and the others behind them.

    Args:
        candidates: best first.
        order: places of the first candidates, each once.
    """
    return candidates.take([*order, *range(len(order), len(candidates))])
