"""`lookalike models bench JUDGEMENTS`: which model ranks best on these images, and what each costs."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

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
    command_line,
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
from lookalike.evaluation import Interval, parse_measures
from lookalike.evaluation.report import pareto_plot, write_bench_report
from lookalike.evaluation.report.wording import byte_size, decimal, p_value, rate, span
from lookalike.library import bench as use_case
from lookalike.library.bench import BenchRequest, BenchResult
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library

ModelsOption = Annotated[
    str, typer.Option(metavar="NAME,...", help="Models to measure (default: all on this machine).")
]
HtmlOption = Annotated[Path | None, typer.Option(metavar="REPORT", help="Write an HTML report.")]
PlotOption = Annotated[Path | None, typer.Option(metavar="OUT.svg", help="Draw quality against time, as SVG or PNG.")]


def bench(
    judgements: JudgementsArgument,
    *,
    models: ModelsOption = "",
    measures: MeasuresOption = DEFAULT_MEASURE_NAMES,
    queries: QueriesOption = None,
    group_by: GroupByOption = "",
    images: ImagesOption = None,
    html: HtmlOption = None,
    plot: PlotOption = None,
    file_format: FormatOption = None,
    keep_good: KeepGoodOption = False,
    combine: CombineOption = "refuse",
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare models on your own images: quality with intervals, speed, size, and a recommendation.

    Each model embeds the images of the library that it has no vectors for yet (later runs reuse them), and ranks the
    judged queries by exact search. The live model does not change.
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
    with faults_are_told(as_json=as_json):
        request = BenchRequest(
            judgements=asked,
            models=models.replace(",", " ").split(),
            measures=parse_measures([measures]),
            resamples=resamples,
            command=command_line(),
        )
        check_outputs(html, plot=plot)
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            result = use_case.bench(opened, request, progress)
        if html is not None:
            write_bench_report(result.report, html)
        if plot is not None:
            pareto_plot(result.report.points, plot, measure=result.report.measure)
        if as_json:
            print_json(as_document(result))
            return
        print_bench(result)
        for path in filter(None, (html, plot)):
            console.print(printable(f"Written: {path}"), soft_wrap=True)


def print_bench(result: BenchResult) -> None:
    """A table, best first, and one sentence."""
    tell_warnings(result.warnings)
    table = plain_table("model", result.report.measure, "95 % interval", "p", "images/s", "ms a query", "an image")
    for point, model in result.best_first:
        table.add_row(
            point.name,
            decimal(point.quality, 4),
            span(result.interval(model, model.evaluation.measures[0])),
            "" if point.p_value is None else p_value(point.p_value),
            rate(point.images_per_second),
            rate(point.milliseconds),
            byte_size(point.bytes_per_image),
        )
    console.print_table(table)
    others = result.models[0].evaluation.measures[1:]
    if others:
        means = plain_table("model", *map(str, others))
        for point, model in result.best_first:
            means.add_row(point.name, *(decimal(model.evaluation.mean(other), 4) for other in others))
        console.print_table(means)
    console.print(printable(result.advice), soft_wrap=True)


def as_document(result: BenchResult) -> dict[str, object]:
    """For programs."""
    report = result.report
    return {
        "judgements": report.judgements,
        "queries": report.queries,
        "images": report.images,
        "machine": report.machine,
        "at": report.at.isoformat(),
        "version": report.version,
        "warnings": list(result.warnings),
        "advice": result.advice,
        "models": [
            {
                "name": model.name,
                "fingerprint": model.fingerprint,
                "dimension": model.dimension,
                "images_per_second": round(model.images_per_second, 2),
                "milliseconds_per_query": round(model.milliseconds, 2),
                "bytes_per_image": round(model.bytes_per_image, 1),
                "adjusted_p_value_against_best": point.p_value,
                "measures": {str(m): _as_plain(result.interval(model, m)) for m in model.evaluation.measures},
            }
            for model, point in zip(result.models, report.points, strict=True)
        ],
    }


def _as_plain(interval: Interval) -> dict[str, object]:
    values = asdict(interval)
    return {
        name: None if isinstance(values[name], float) and not math.isfinite(values[name]) else values[name]
        for name in ("mean", "low", "high", "queries")
    }
