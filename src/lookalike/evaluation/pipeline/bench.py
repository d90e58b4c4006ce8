"""What a model is worth on a library's judgements, and what it costs."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import PictureEncoder
from lookalike.errors import CallerError
from lookalike.evaluation.measures import Measure
from lookalike.evaluation.pipeline.judged_library import JudgedLibrary, PipelineQuery
from lookalike.evaluation.pipeline.runs import run_exact
from lookalike.evaluation.scoring import Evaluation, evaluate_run
from lookalike.neighbors import BACKENDS, choose_backend, unit_rows
from lookalike.retrieval import ExactRanker
from lookalike.snapshot import Centring

_TIMED_IMAGES = 48
_TIMED_QUERIES = 24
_NEIGHBORS = 30


@dataclass(frozen=True, kw_only=True)
class ModelBench:
    """One model on one library.

    Attributes:
        name: of the model.
        fingerprint: of the model.
        dimension: of its vectors.
        evaluation: exact search over its vectors, in the bare order of cosines: the model alone is measured.
        images_per_second: decoded and embedded, with every core at work, as while indexing.
        milliseconds: decoding, embedding and searching one picture, the median.
        bytes_per_image: of the index that suits the library's size, in memory.
    """

    name: str
    fingerprint: str
    dimension: int
    evaluation: Evaluation
    images_per_second: float
    milliseconds: float
    bytes_per_image: float


def bench_model(
    catalog: Catalog,
    single: PictureEncoder,
    many: PictureEncoder,
    judged: JudgedLibrary,
    measures: Sequence[Measure],
    *,
    centring: Centring | None = None,
    asked: Callable[[], None] = lambda: None,
) -> ModelBench:
    """Rank every judged query by one model, and time it.

    Args:
        catalog: has a vector of this model for every image that can be found.
        single: the model, opened to answer one query soon.
        many: the same, opened for many images at once.
        judged: queries and grades.
        measures: to score with.
        centring: what an index of these vectors would take out of them; None for nothing.
        asked: is called after each query.
    """
    model = single.encoder
    ranker = ExactRanker(catalog, model, centring=centring, limits=single.limits, rerankers=())
    run = run_exact(ranker, judged.queries, asked=asked)
    blocks = catalog.vectors.blocks(model.fingerprint)
    vectors = np.concatenate([np.zeros((0, model.dimension), np.float32), *(block.vectors for block in blocks)])
    index = BACKENDS[choose_backend(*vectors.shape)].build(unit_rows(vectors))
    contents = _contents(catalog, judged.queries)

    def answer(content: bytes) -> None:
        index.search(single.vector(content, name="query")[None], _NEIGHBORS)

    milliseconds = _median_milliseconds(answer, contents[:_TIMED_QUERIES])
    return ModelBench(
        name=model.name,
        fingerprint=model.fingerprint,
        dimension=model.dimension,
        evaluation=evaluate_run(run, judged.judgements, measures),
        images_per_second=_rate(many, contents),
        milliseconds=milliseconds,
        bytes_per_image=index.bytes_in_memory / max(index.size, 1),
    )


def _contents(catalog: Catalog, queries: Mapping[str, PipelineQuery]) -> list[bytes]:
    """Pictures to time with: of the first queries that can be read."""
    contents: list[bytes] = []
    for query in queries.values():
        if len(contents) == _TIMED_IMAGES:
            break
        try:
            contents.append(catalog.images.content(query.image.id) if query.image else query.as_query().content or b"")
        except CallerError:
            continue
    return contents


def _median_milliseconds(answer: Callable[[bytes], None], contents: Sequence[bytes]) -> float:
    spent = []
    for content in [*contents[:1], *contents]:  # the first one warms up
        started = time.perf_counter()
        answer(content)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent[1:]) if len(spent) > 1 else float("nan")


def _rate(pictures: PictureEncoder, contents: Sequence[bytes]) -> float:
    """Images a second through the same threads as indexing has."""
    if not contents:
        return float("nan")
    threads = pictures.encoder.concurrency + 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda content: pictures.vector(content, name="query"), contents[:threads]))
        started = time.perf_counter()
        list(pool.map(lambda content: pictures.vector(content, name="query"), contents))
        return len(contents) / (time.perf_counter() - started)
