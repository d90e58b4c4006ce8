"""`lookalike models bench JUDGEMENTS`: which model ranks best on these images, and what each costs."""

import math
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lookalike import __version__
from lookalike.cli.evaluate import DEFAULT_MEASURE_NAMES, MeasuresOption, ResamplesOption
from lookalike.cli.judging import (
    CombineOption,
    FormatOption,
    GroupByOption,
    ImagesOption,
    JudgementsArgument,
    KeepGoodOption,
    QueriesOption,
    check_outputs,
)
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    plain_table,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.embedding import PictureEncoder, describe_models
from lookalike.errors import ModelMissing
from lookalike.evaluation import Interval, Measure, compare_evaluations, holm, parse_measures
from lookalike.evaluation.pipeline import JudgedLibrary, ModelBench, bench_model
from lookalike.evaluation.report import (
    BenchPoint,
    BenchReport,
    advice,
    explain,
    mean_interval,
    pareto_plot,
    write_bench_report,
)
from lookalike.evaluation.report.wording import byte_size, decimal, p_value, rate, span
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts


def bench(
    judgements: JudgementsArgument,
    *,
    models: Annotated[
        str, typer.Option(metavar="NAME,...", help="Those models; all on this machine if not given.")
    ] = "",
    measures: MeasuresOption = DEFAULT_MEASURE_NAMES,
    queries: QueriesOption = None,
    group_by: GroupByOption = "",
    images: ImagesOption = None,
    html: Annotated[Path | None, typer.Option(metavar="REPORT", help="Write a report to look at.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.svg", help="Draw quality against time; .svg or .png.")
    ] = None,
    file_format: FormatOption = None,
    keep_good: KeepGoodOption = False,
    combine: CombineOption = "refuse",
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare models on your own images: quality with intervals, speed, size, and which one to take.

    Each model embeds the images of the library that it has no vectors of yet (once: a later run goes on from there),
    and ranks the judged queries by exact search. The model that serves stays live.
    """
    asked = JudgementSource(
        judgements=judgements,
        queries=queries,
        group_by=group_by,
        images=images,
        file_format=file_format,
        keep_good=keep_good,
        combine=combine,
    )
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        chosen = parse_measures([measures])
        check_outputs(html, plot=plot)
        names = models.replace(",", " ").split() or installed_models(opened)
        known = judged_queries(opened, asked)
        with IndexProgress(messages, quiet=as_json) as progress:
            rows = [bench_one(opened, name, known, chosen, progress) for name in names]
        report = make_report(opened, known, rows, judgements=judgements, resamples=resamples)
        if html is not None:
            write_bench_report(report, html)
        if plot is not None:
            pareto_plot(report.points, plot, measure=report.measure)
        if as_json:
            print_json(as_document(report, rows, resamples=resamples))
            return
        print_bench(report, rows, resamples=resamples)
        for path in filter(None, (html, plot)):
            console.print(printable(f"Written: {path}"), soft_wrap=True)


def installed_models(library: LibraryParts) -> list[str]:
    """The names of all models on this machine.

    Raises:
        ModelMissing: there is none.
    """
    names = [status.description.name for status in describe_models(library.settings.models) if status.pulled]
    if not names:
        raise ModelMissing("no model is on this machine: fetch one with `lookalike models pull NAME`")
    return names


def bench_one(
    library: LibraryParts, name: str, known: JudgedLibrary, measures: Sequence[Measure], progress: IndexProgress
) -> ModelBench:
    """Embed what this model has not seen, then rank and time."""
    with ExitStack() as closing:
        many = library.open_model(name, mode="throughput", keep=False)
        closing.callback(many.close)
        library.indexer_for(many).embed_known(progress=progress)
        single = library.open_model(name, mode="latency", keep=False)
        closing.callback(single.close)
        progress.stage(f"Ranking by {name}", len(known.queries))
        limits = library.limits
        return bench_model(
            library.catalog,
            PictureEncoder(encoder=single, limits=limits),
            PictureEncoder(encoder=many, limits=limits),
            known,
            measures,
            asked=lambda: progress.advance(1),
        )


def make_report(
    library: LibraryParts, known: JudgedLibrary, rows: Sequence[ModelBench], *, judgements: str, resamples: int
) -> BenchReport:
    """Points with intervals, and p-values against the best by the first measure."""
    measure = rows[0].evaluation.measures[0]
    p_values = _p_values(rows, measure, resamples)
    points = tuple(
        BenchPoint(
            name=row.name,
            quality=interval.mean,
            low=interval.low,
            high=interval.high,
            milliseconds=row.milliseconds,
            bytes_per_image=row.bytes_per_image,
            images_per_second=row.images_per_second,
            p_value=p_values.get(row.name),
        )
        for row in rows
        for interval in [_interval(row, measure, resamples)]
    )
    return BenchReport(
        measure=str(measure),
        explanation=explain(measure),
        judgements=judgements,
        queries=len(known.queries),
        images=library.catalog.counts().readable,
        points=points,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        at=datetime.now(UTC),
        version=__version__,
        command=shlex.join(["lookalike", *sys.argv[1:]]),
        warnings=known.warnings,
    )


def print_bench(report: BenchReport, rows: Sequence[ModelBench], *, resamples: int) -> None:
    """A table, best first, and one sentence."""
    tell_warnings(report.warnings)
    by_name = {row.name: row for row in rows}
    best_first = sorted(report.points, key=lambda point: -point.quality)
    table = plain_table("model", report.measure, "95 % interval", "p", "images/s", "ms a query", "an image")
    for point in best_first:
        row = by_name[point.name]
        table.add_row(
            point.name,
            decimal(point.quality, 4),
            span(_interval(row, row.evaluation.measures[0], resamples)),
            "" if point.p_value is None else p_value(point.p_value),
            rate(point.images_per_second),
            rate(point.milliseconds),
            byte_size(point.bytes_per_image),
        )
    console.print_table(table)
    others = rows[0].evaluation.measures[1:]
    if others:
        means = plain_table("model", *map(str, others))
        for point in best_first:
            evaluation = by_name[point.name].evaluation
            means.add_row(point.name, *(decimal(evaluation.mean(other), 4) for other in others))
        console.print_table(means)
    console.print(printable(report.advice or advice(report.points)), soft_wrap=True)


def as_document(report: BenchReport, rows: Sequence[ModelBench], *, resamples: int) -> dict[str, object]:
    """For programs."""
    return {
        "judgements": report.judgements,
        "queries": report.queries,
        "images": report.images,
        "machine": report.machine,
        "at": report.at.isoformat(),
        "version": report.version,
        "warnings": list(report.warnings),
        "advice": report.advice or advice(report.points),
        "models": [
            {
                "name": row.name,
                "fingerprint": row.fingerprint,
                "dimension": row.dimension,
                "images_per_second": round(row.images_per_second, 2),
                "milliseconds_per_query": round(row.milliseconds, 2),
                "bytes_per_image": round(row.bytes_per_image, 1),
                "adjusted_p_value_against_best": point.p_value,
                "measures": {str(m): _as_plain(_interval(row, m, resamples)) for m in row.evaluation.measures},
            }
            for row, point in zip(rows, report.points, strict=True)
        ],
    }


def _p_values(rows: Sequence[ModelBench], measure: Measure, resamples: int) -> dict[str, float]:
    """Of the paired test against the best model, adjusted for how many are compared."""
    measured = [row for row in rows if not math.isnan(row.evaluation.mean(measure))]
    if not measured:
        return {}
    best = max(measured, key=lambda row: row.evaluation.mean(measure))
    others = [row for row in measured if row is not best]
    values = [
        compare_evaluations(best.evaluation, row.evaluation, measure, resamples=resamples).p_value for row in others
    ]
    return dict(zip((row.name for row in others), holm(values), strict=True)) if others else {}


def _interval(row: ModelBench, measure: Measure, resamples: int) -> Interval:
    nowhere = Interval(mean=math.nan, low=math.nan, high=math.nan, confidence=0.95, queries=0, method="percentile")
    return mean_interval(row.evaluation.of(measure), resamples) or nowhere


def _as_plain(interval: Interval) -> dict[str, object]:
    values = asdict(interval)
    return {
        name: None if isinstance(values[name], float) and not math.isfinite(values[name]) else values[name]
        for name in ("mean", "low", "high", "queries")
    }
