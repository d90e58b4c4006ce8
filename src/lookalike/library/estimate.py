"""How well a library ranks, estimated from few grades and the model's own guesses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError, EvaluationRefused
from lookalike.evaluation.pipeline import PipelineQuery
from lookalike.evaluation.prediction_powered import PoweredEstimate, guessed_grades, hit_features, powered_estimate
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.retrieval import MANY_HITS, Query


@dataclass(frozen=True, kw_only=True)
class EstimateRequest:
    """What to estimate by.

    Attributes:
        judgements: grades of some hits; hits that are not listed count as not graded.
        cutoff: ranks that are looked at.
        more_queries: images of the library to ask with besides, of which the model guesses the grades. Only where the
            judged queries were drawn at random from the library's images.
        confidence: of the interval.
    """

    judgements: JudgementSource
    cutoff: int = 10
    more_queries: int = 0
    confidence: float = 0.95


@dataclass(frozen=True, kw_only=True)
class EstimateResult:
    """The estimate, and what was left out.

    Attributes:
        estimate: of sDCG at the cut-off.
        cutoff: ranks that were looked at.
        warnings: what was left out, and what to mind.
    """

    estimate: PoweredEstimate
    cutoff: int
    warnings: tuple[str, ...]


def estimate(library: LibraryParts, request: EstimateRequest, progress: Progress) -> EstimateResult:
    """Estimate sDCG@k with an interval that holds whatever the model's guesses are worth.

    Raises:
        EvaluationRefused: the judgements cannot be used, or there are too few.
        LibraryMissing: nothing was indexed.
    """
    library.engine.warm_up()
    known = judged_queries(library, request.judgements)
    progress.stage("Asking the judged queries", len(known.queries))
    grades, cosines, short = [], [], 0
    for name, query in known.queries.items():
        found = _hits(library, query.as_query(), query.own_image_ids, request.cutoff)
        progress.advance()
        if found is None:
            short += 1
            continue
        grades.append(_grades_of(found[0], known.judgements.grades[name]))
        cosines.append(found[1])
    graded = [place for place, row in enumerate(grades) if np.isfinite(row).any()]
    if not graded:
        raise EvaluationRefused(f"--estimate: none of the first {request.cutoff} hits of any judged query is graded")
    more = _more(library, request, known.queries, progress)
    features = hit_features(np.array(cosines)[graded])
    of_people = np.array(grades)[graded]
    guesses, more_guesses = guessed_grades(features, of_people, None if more is None else hit_features(more))
    warnings = list(known.warnings)
    if short:
        warnings.append(f"{short:,} queries have fewer than {request.cutoff} hits, or cannot be asked: left out")
    ungraded = len(grades) - len(graded)
    if ungraded:
        warnings.append(f"{ungraded:,} judged queries have no grade for any of their first hits: left out")
    return EstimateResult(
        estimate=powered_estimate(of_people, guesses, more_guesses, confidence=request.confidence),
        cutoff=request.cutoff,
        warnings=tuple(warnings),
    )


def _hits(
    library: LibraryParts, query: Query, own: frozenset[str], cutoff: int
) -> tuple[list[str], NDArray[np.float64]] | None:
    """Ids and cosines of the first hits; None where there are too few."""
    try:
        found = library.engine.ranker.rank(query, wanted=MANY_HITS).candidates
    except CallerError:
        return None
    places = [place for place, one in enumerate(found.image_ids) if one not in own][:cutoff]
    if len(places) < cutoff:
        return None
    return [found.image_ids[place] for place in places], found.cosines[places]


def _grades_of(image_ids: list[str], grades: Mapping[str, int]) -> list[float]:
    return [float(grades[one]) if one in grades else np.nan for one in image_ids]


def _more(
    library: LibraryParts, request: EstimateRequest, judged: Mapping[str, PipelineQuery], progress: Progress
) -> NDArray[np.float64] | None:
    """Cosines of hits of further images as queries, [more, cutoff]. Ids are hashes: the first are as good as any."""
    if not request.more_queries:
        return None
    own = {query.image.id for query in judged.values() if query.image is not None}
    progress.stage("Asking with further images", request.more_queries)
    rows = []
    for block in library.catalog.vectors.blocks(library.require_live().fingerprint):
        for image_id in dict.fromkeys(block.image_ids):
            found = None if image_id in own else _hits(library, Query.image(image_id), frozenset(), request.cutoff)
            if found is not None:
                rows.append(found[1])
                progress.advance()
            if len(rows) == request.more_queries:
                return np.array(rows)
    return np.array(rows) if rows else None
