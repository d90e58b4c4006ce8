"""Which model ranks best on a library's own images, and what each of them costs."""

import math
import os
import platform
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from lookalike.embedding import PictureEncoder, describe_models
from lookalike.errors import ModelMissing
from lookalike.evaluation import DEFAULT_MEASURES, Interval, Measure, compare_evaluations, holm
from lookalike.evaluation.pipeline import JudgedLibrary, ModelBench, bench_model
from lookalike.evaluation.report import BenchPoint, BenchReport, advice, explain, mean_interval, pareto_svg
from lookalike.evaluation.report.wording import byte_size, decimal, rate
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.notebook import notes_html, table_html
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.version import __version__


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """Which models to compare, by which grades.

    Attributes:
        judgements: the grades.
        models: names; all on this machine where there are none.
        measures: the first one decides.
        resamples: draws for confidence intervals and tests.
        command: what was typed, for the report.
    """

    judgements: JudgementSource
    models: Sequence[str] = ()
    measures: Sequence[Measure] = DEFAULT_MEASURES
    resamples: int = 10_000
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """Models compared; a notebook shows them as a table with a plot of quality against time.

    Attributes:
        report: a point a model, with intervals and p-values, and one advice.
        models: what was measured of each, in the same order.
        resamples: draws of `interval`.
    """

    report: BenchReport
    models: Sequence[ModelBench]
    resamples: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, and what to mind."""
        return tuple(self.report.warnings)

    @property
    def advice(self) -> str:
        """Which model to take, in one sentence."""
        return self.report.advice or advice(self.report.points)

    @property
    def best_first(self) -> list[tuple[BenchPoint, ModelBench]]:
        """Points and measurements, by the first measure."""
        pairs = zip(self.report.points, self.models, strict=True)
        return sorted(pairs, key=lambda pair: -pair[0].quality)

    def interval(self, model: ModelBench, measure: Measure) -> Interval:
        """Of the mean of a measure; NaN where it is undefined for every query."""
        return _interval(model, measure, self.resamples)

    def _repr_html_(self) -> str:
        headings = ("model", self.report.measure, "images/s", "ms a query", "an image")
        rows = [
            (
                point.name,
                decimal(point.quality, 4),
                rate(point.images_per_second),
                rate(point.milliseconds),
                byte_size(point.bytes_per_image),
            )
            for point, _ in self.best_first
        ]
        table = table_html(headings, rows, title=self.advice)
        plot = pareto_svg(self.report.points, measure=self.report.measure)
        return str(Markup("<div>{}{}{}</div>").format(notes_html(self.warnings), table, plot))


def bench(library: LibraryParts, request: BenchRequest, progress: Progress) -> BenchResult:
    """Compare models on the library's images: quality with intervals, speed and size. The live model stays live.

    Each model embeds the images that it has no vectors of yet, and ranks the judged queries by exact search.

    Raises:
        ModelMissing, UnknownModel: a model is not on this machine, or there is none.
        EvaluationRefused: the judgements cannot be used, or nothing of them is in the library.
        StorageFailed: the disk is full; what was stored is safe.
    """
    names = list(request.models) or _installed_models(library)
    known = judged_queries(library, request.judgements)
    models = [_bench_one(library, name, known, request.measures, progress) for name in names]
    return BenchResult(report=_report(library, known, models, request), models=models, resamples=request.resamples)


def _installed_models(library: LibraryParts) -> list[str]:
    names = [status.description.name for status in describe_models(library.settings.models) if status.pulled]
    if not names:
        raise ModelMissing("no model is on this machine: fetch one with `lookalike models pull NAME`")
    return names


def _bench_one(
    library: LibraryParts, name: str, known: JudgedLibrary, measures: Sequence[Measure], progress: Progress
) -> ModelBench:
    """Embed what this model has not seen, then rank and time."""
    with (
        closing(library.open_model(name, mode="throughput", keep=False)) as many,
        closing(library.open_model(name, mode="latency", keep=False)) as single,
    ):
        library.indexer_for(many).embed_known(progress=progress)
        progress.stage(f"Ranking by {name}", len(known.queries))
        return bench_model(
            library.catalog,
            PictureEncoder(encoder=single, limits=library.limits),
            PictureEncoder(encoder=many, limits=library.limits),
            known,
            measures,
            centring=library.centring_of(many),
            asked=lambda: progress.advance(1),
        )


def _report(
    library: LibraryParts, known: JudgedLibrary, models: Sequence[ModelBench], request: BenchRequest
) -> BenchReport:
    """Points with intervals, and p-values against the best by the first measure."""
    measure = request.measures[0]
    p_values = _p_values(models, measure, request.resamples)
    points = tuple(
        BenchPoint(
            name=model.name,
            quality=interval.mean,
            low=interval.low,
            high=interval.high,
            milliseconds=model.milliseconds,
            bytes_per_image=model.bytes_per_image,
            images_per_second=model.images_per_second,
            p_value=p_values.get(model.name),
        )
        for model in models
        for interval in [_interval(model, measure, request.resamples)]
    )
    return BenchReport(
        measure=str(measure),
        explanation=explain(measure),
        judgements=request.judgements.judgements,
        queries=len(known.queries),
        images=library.catalog.counts().readable,
        points=points,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        at=datetime.now(UTC),
        version=__version__,
        command=request.command,
        warnings=known.warnings,
    )


def _p_values(models: Sequence[ModelBench], measure: Measure, resamples: int) -> dict[str, float]:
    """Of the paired test against the best model, adjusted for how many are compared."""
    measured = [model for model in models if not math.isnan(model.evaluation.mean(measure))]
    if not measured:
        return {}
    best = max(measured, key=lambda model: model.evaluation.mean(measure))
    others = [model for model in measured if model is not best]
    values = [
        compare_evaluations(best.evaluation, model.evaluation, measure, resamples=resamples).p_value for model in others
    ]
    return dict(zip((model.name for model in others), holm(values), strict=True)) if others else {}


def _interval(model: ModelBench, measure: Measure, resamples: int) -> Interval:
    nowhere = Interval(mean=math.nan, low=math.nan, high=math.nan, confidence=0.95, queries=0, method="percentile")
    return mean_interval(model.evaluation.of(measure), resamples) or nowhere
