"""The served pipeline, and the same with exact search, over judged queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import Encoder
from lookalike.errors import CallerError
from lookalike.evaluation.judgements import Run
from lookalike.evaluation.pipeline.judged_library import PipelineQuery
from lookalike.preprocessing import Limits, prepare
from lookalike.reranking import ReRanker
from lookalike.retrieval import (
    FROZEN_HITS,
    RERANKERS,
    Query,
    Ranking,
    View,
    ranked,
    stored_precision,
)

MOST_RESULTS = 50_000_000
"""So many results are kept for all queries together; with more, rankings end before the library does."""

_DECIMALS = 6  # as searching rounds: equal images have equal cosines, and then the order of ids


@dataclass(frozen=True, kw_only=True)
class PipelineRuns:
    """What the pipeline returned for judged queries.

    Attributes:
        served: as users get it, images that stand behind a hit following it; after the last hit that can be paged to,
            the rest of the library by exact search, since measures without a cut-off look at everything.
        exact: the same with exact search from the first hit on.
        vectors: of each query, [dimension] float32.
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


class ExactPipeline:
    """The prediction pipeline with exact search over the catalog's own vectors: what an index is measured against.

    Args:
        catalog: of the library.
        model: whose vectors.
        rerankers: as the engine's.
        depth: neighbours that are re-ranked, as the engine's.
    """

    def __init__(
        self,
        catalog: Catalog,
        model: LiveModel,
        *,
        rerankers: tuple[ReRanker, ...] = RERANKERS,
        depth: int = FROZEN_HITS,
    ) -> None:
        self.model = model
        self._view = View.whole(catalog, fingerprint=model.fingerprint, dimension=model.dimension)
        self._rerankers = rerankers
        self._depth = depth
        self._ids = np.array(self._view.tail_ids, dtype=np.str_)
        vectors = self._view.tail_vectors
        self._units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    @property
    def size(self) -> int:
        """Images that can be found."""
        return len(self._ids)

    def ranking(self, query: Query, vector: NDArray[np.float32]) -> tuple[str, ...]:
        """The ids of the re-ranked neighbours, best first, as deep as a query can be paged."""
        return ranked(query.about, vector, self._view, self._rerankers, wanted=self._depth).image_ids

    def everything(self, vector: NDArray[np.float32], most: int | None = None) -> list[str]:
        """All ids by cosine, or the first `most`; equal cosines by id.

        Args:
            vector: [dimension] float32, unit length.
            most: how many are wanted.
        """
        cosines = np.round(self._units @ (vector / np.linalg.norm(vector)), _DECIMALS)
        order = np.argsort(-cosines, kind="stable")[:most]
        ids: list[str] = self._ids[order].tolist()
        return ids

    def cosines(self, vector: NDArray[np.float32], image_ids: Sequence[str]) -> list[float]:
        """Of a query with some images; NaN for those that cannot be found."""
        places = np.searchsorted(self._ids, image_ids) if self.size else np.zeros(len(image_ids), dtype=np.int64)
        places = np.minimum(places, max(self.size - 1, 0))
        known = self._ids[places] == np.array(image_ids, dtype=np.str_) if self.size else np.zeros(len(places), bool)
        values = np.full(len(image_ids), np.nan)
        values[known] = self._units[places[known]] @ (vector / np.linalg.norm(vector))
        cosines: list[float] = values.tolist()
        return cosines


class Ranks(Protocol):
    """What answers: the search engine."""

    def rank(self, query: Query) -> Ranking:
        """See `SearchEngine.rank`."""
        ...


def run_pipeline(
    engine: Ranks,
    exact: ExactPipeline,
    queries: Mapping[str, PipelineQuery],
    *,
    complete: bool = True,
    asked: Callable[[], None] = lambda: None,
) -> PipelineRuns:
    """Ask the served engine every query, and exact search too.

    Args:
        engine: as it serves.
        exact: over the same library and model.
        queries: by name.
        complete: rank the whole library, as measures without a cut-off need.
        asked: is called after each query.
    """
    most = min(exact.size, MOST_RESULTS // max(len(queries), 1)) if complete else 0
    served: dict[str, tuple[str, ...]] = {}
    truth: dict[str, tuple[str, ...]] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    failed: dict[str, str] = {}
    spent: dict[str, float] = {}
    generation = ""
    for name, query in queries.items():
        try:
            question = query.as_query()
            found = engine.rank(question)
        except CallerError as reason:
            served[name], truth[name], failed[name] = (), (), str(reason)
            continue
        finally:
            asked()
        generation, vectors[name] = found.generation, found.vector
        spent = {stage: spent.get(stage, 0.0) + ms for stage, ms in found.milliseconds.items()}
        everything = exact.everything(found.vector, most) if complete else []
        served[name] = _completed(found.image_ids, everything, without=query.own_image_ids)
        truth[name] = _completed(exact.ranking(question, found.vector), everything, without=query.own_image_ids)
    return PipelineRuns(
        served=Run(rankings=served, name=exact.model.name),
        exact=Run(rankings=truth, name=f"{exact.model.name}, exact search"),
        vectors=vectors,
        generation=generation,
        milliseconds={stage: total / max(len(vectors), 1) for stage, total in spent.items()},
        failed=failed,
    )


def run_model(
    catalog: Catalog,
    encoder: Encoder,
    queries: Mapping[str, PipelineQuery],
    *,
    rerankers: tuple[ReRanker, ...] | None = RERANKERS,
    limits: Limits | None = None,
    asked: Callable[[], None] = lambda: None,
) -> Run:
    """What exact search over one model's vectors returns, live or not: models are compared apart from any index.

    Args:
        catalog: holds vectors of that model.
        encoder: the model; embeds parts of images, and pictures that were not indexed.
        queries: by name.
        rerankers: as the engine's; None for the bare order of cosines.
        limits: for query pictures.
        asked: is called after each query.
    """
    model = LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)
    exact = ExactPipeline(catalog, model, rerankers=rerankers or ())
    most = min(exact.size, MOST_RESULTS // max(len(queries), 1))
    rankings: dict[str, tuple[str, ...]] = {}
    for name, query in queries.items():
        try:
            vector = query_vector(catalog, encoder, query, limits=limits)
        except CallerError:
            rankings[name] = ()
            continue
        finally:
            asked()
        first = exact.ranking(query.as_query(), vector) if rerankers is not None else ()
        rankings[name] = _completed(first, exact.everything(vector, most), without=query.own_image_ids)
    return Run(rankings=rankings, name=encoder.name)


def query_vector(
    catalog: Catalog, encoder: Encoder, query: PipelineQuery, *, limits: Limits | None = None
) -> NDArray[np.float32]:
    """The vector of a query, [dimension] float32: the stored one of a whole indexed image, else a new one.

    Raises:
        ImageRefused: the picture cannot be read.
    """
    if query.image is not None and query.crop is None:
        stored = catalog.vectors.get(encoder.fingerprint, [query.image.id]).get(query.image.id)
        if stored is not None:
            return stored
    content = catalog.images.content(query.image.id) if query.image else query.as_query().content or b""
    prepared = prepare(content, encoder.preprocessing, name=query.name, limits=limits or Limits(), crop=query.crop)
    return stored_precision(encoder.encode_image(prepared.rows))


def _completed(first: tuple[str, ...], everything: list[str], *, without: frozenset[str]) -> tuple[str, ...]:
    """The first results, then all others in their order; each image once."""
    return tuple(image_id for image_id in dict.fromkeys([*first, *everything]) if image_id not in without)
