"""How measures change with depth: what the first result is worth, and the hundredth."""

import math
from collections.abc import Sequence

import numpy as np

from lookalike.evaluation.judgements import Judgements, Run
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.report.contents import DepthCurve
from lookalike.evaluation.scoring import graded_blocks

DEPTHS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
CURVES = ("nDCG", "R", "P")


def depth_curves(
    run: Run, judgements: Judgements, *, system: str, depths: Sequence[int] = DEPTHS, measures: Sequence[str] = CURVES
) -> tuple[DepthCurve, ...]:
    """Means of some measures at each depth, over the queries for which they are defined.

    Args:
        run: at least as deep as the deepest depth; deeper ones than its longest ranking are left out.
        judgements: the same for every run of a report.
        system: what to call the run: "served", "exact search".
        depths: ascending.
        measures: names of `MEASURES`.
    """
    longest = max((len(ranking) for ranking in run.rankings.values()), default=0)
    reached = tuple(depth for depth in depths if depth <= longest)
    wanted = [Measure(name, cutoff=depth) for name in measures for depth in reached]
    if not wanted:
        return ()
    blocks = [
        np.stack([measure.per_query(block.grades, block.counts) for measure in wanted], axis=1)
        for block in graded_blocks(run, judgements, depth=reached[-1])
    ]
    means = [_mean(column) for column in np.concatenate(blocks).T]
    return tuple(
        DepthCurve(
            system=system,
            measure=name,
            depths=reached,
            means=tuple(means[place * len(reached) : (place + 1) * len(reached)]),
        )
        for place, name in enumerate(measures)
    )


def _mean(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan
