"""What rankers return for judged queries: the one that serves, and exact search."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError
from lookalike.evaluation.judgements import Run
from lookalike.evaluation.pipeline.judged_library import PipelineQuery
from lookalike.retrieval import ExactRanker, Ranker

MOST_RESULTS = 50_000_000
"""So many results are kept for all queries together; with more, rankings end before the library does."""


@dataclass(frozen=True, kw_only=True)
class PipelineRuns:
    """What the pipeline returned for judged queries.

    Attributes:
        served: as users get it, images that stand behind a hit following it; after the last hit that can be paged to,
            the rest of the library by exact search, since measures without a cut-off look at everything.
        exact: the same with exact search from the first hit on.
        vectors: of each query as it is compared with images, [dimension] float32.
        generation: that answered.
        milliseconds: mean a query, by stage.
        failed: queries that could not be asked -> why. They count as answered with nothing.
    """

    served: Run
    exact: Run
    vectors: Mapping[str, NDArray[np.float32]]
    generation: str
    milliseconds: Mapping[str, float]
    failed: Mapping[str, str]


def run_pipeline(
    served: Ranker,
    exact: ExactRanker,
    queries: Mapping[str, PipelineQuery],
    *,
    complete: bool = True,
    asked: Callable[[], None] = lambda: None,
) -> PipelineRuns:
    """Ask the ranker that serves every query, and exact search too.

    Args:
        served: as users are answered.
        exact: over the same library and model.
        queries: by name.
        complete: rank the whole library, as measures without a cut-off need.
        asked: is called after each query.
    """
    most = _most(exact, queries) if complete else 0
    rankings: dict[str, tuple[str, ...]] = {}
    truth: dict[str, tuple[str, ...]] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    failed: dict[str, str] = {}
    spent: dict[str, float] = {}
    generation = ""
    for name, query in queries.items():
        try:
            found = served.rank(query.as_query())
        except CallerError as reason:
            rankings[name], truth[name], failed[name] = (), (), str(reason)
            continue
        finally:
            asked()
        generation, vectors[name] = found.live.view.generation, exact.searched(found.query)
        spent = {stage: spent.get(stage, 0.0) + ms for stage, ms in found.milliseconds.items()}
        everything = exact.everything(vectors[name], most) if complete else []
        rankings[name] = _completed(found.image_ids, everything, without=query.own_image_ids)
        exactly = exact.rank_encoded(found.query)
        truth[name] = _completed(exactly.image_ids, everything, without=query.own_image_ids)
    return PipelineRuns(
        served=Run(rankings=rankings, name=exact.name),
        exact=Run(rankings=truth, name=f"{exact.name}, exact search"),
        vectors=vectors,
        generation=generation,
        milliseconds={stage: total / max(len(vectors), 1) for stage, total in spent.items()},
        failed=failed,
    )


def run_exact(
    ranker: ExactRanker, queries: Mapping[str, PipelineQuery], *, asked: Callable[[], None] = lambda: None
) -> Run:
    """What exact search returns, over the whole library. Queries that cannot be asked are answered with nothing.

    Args:
        ranker: over one model's vectors, be it live or not.
        queries: by name.
        asked: is called after each query.
    """
    most = _most(ranker, queries)
    rankings: dict[str, tuple[str, ...]] = {}
    for name, query in queries.items():
        try:
            found = ranker.rank(query.as_query())
        except CallerError:
            rankings[name] = ()
            continue
        finally:
            asked()
        everything = ranker.everything(ranker.searched(found.query), most)
        rankings[name] = _completed(found.image_ids, everything, without=query.own_image_ids)
    return Run(rankings=rankings, name=ranker.name)


def _most(ranker: ExactRanker, queries: Mapping[str, PipelineQuery]) -> int:
    return min(ranker.size, MOST_RESULTS // max(len(queries), 1))


def _completed(first: tuple[str, ...], everything: list[str], *, without: frozenset[str]) -> tuple[str, ...]:
    """The first results, then all others in their order; each image once."""
    return tuple(image_id for image_id in dict.fromkeys([*first, *everything]) if image_id not in without)
