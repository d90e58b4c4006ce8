"""`lookalike evaluate JUDGEMENTS`."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lookalike.cli.estimate import print_estimate
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
from lookalike.errors import StorageFailed
from lookalike.evaluation import DEFAULT_MEASURES, Evaluation, parse_measures
from lookalike.evaluation import write_run as write_run_file
from lookalike.evaluation.judgement_files import format_of_run
from lookalike.evaluation.report import (
    EvaluationReport,
    GroupRow,
    ReportTables,
    as_document,
    cautions,
    verdict,
    write_report,
)
from lookalike.evaluation.report.wording import decimal, p_value, signed, span
from lookalike.library import evaluate as use_case
from lookalike.library.evaluate import EvaluateRequest, EvaluateResult
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library

_SHOWN_GROUPS = 12
_HERE = "this library"

MeasuresOption = Annotated[
    str,
    typer.Option("--measures", "-m", metavar="M,...", help="Measures, such as nDCG@10,mAP,P@5,R@100,MRR,mAP(rel=2)."),
]
ResamplesOption = Annotated[
    int, typer.Option(min=100, max=1_000_000, help="Random draws for confidence intervals and tests.")
]
AgainstOption = Annotated[
    str | None, typer.Option(metavar="RUN_OR_MODEL", help="A run file, or a model on this machine, to compare with.")
]
HtmlOption = Annotated[Path | None, typer.Option(metavar="REPORT", help="Write an HTML report with pictures.")]
RunOption = Annotated[Path | None, typer.Option(metavar="RUN", help="Write the returned rankings as a run file.")]
EstimateOption = Annotated[
    bool,
    typer.Option("--estimate", help="Estimate sDCG@10 where only some hits are graded; the model guesses the others."),
]
MoreQueriesOption = Annotated[
    int,
    typer.Option(
        "--more-queries",
        min=0,
        help="With --estimate: also ask with so many other images, if the judged ones were drawn at random.",
    ),
]
PerQueryOption = Annotated[Path | None, typer.Option(metavar="CSV", help="Write the values of each query.")]
DEFAULT_MEASURE_NAMES = ",".join(map(str, DEFAULT_MEASURES))


def evaluate(
    judgements: JudgementsArgument,
    *,
    measures: MeasuresOption = DEFAULT_MEASURE_NAMES,
    against: AgainstOption = None,
    queries: QueriesOption = None,
    group_by: GroupByOption = "",
    images: ImagesOption = None,
    html: HtmlOption = None,
    run: RunOption = None,
    per_query: PerQueryOption = None,
    file_format: FormatOption = None,
    keep_good: KeepGoodOption = False,
    combine: CombineOption = "refuse",
    resamples: ResamplesOption = 10_000,
    estimate: EstimateOption = False,
    more_queries: MoreQueriesOption = 0,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well this library ranks, by grades that people gave.

    Every query runs through the pipeline that serves and through exact search, which separates what the index loses
    from what the model does not see. docs/measures.md explains the measures.
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
    if estimate:
        print_estimate(asked, more_queries=more_queries, library=library, as_json=as_json)
        return
    files = _Files(html=html, run=run, per_query=per_query)
    with faults_are_told(as_json=as_json):
        request = EvaluateRequest(
            judgements=asked,
            measures=parse_measures([measures]),
            against=against,
            resamples=resamples,
            pictures=html is not None,
            command=command_line(),
        )
        files.check()
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            result = use_case.evaluate(opened, request, progress)
        files.write(result)
        if as_json:
            print_json({**as_document(result.report), "milliseconds": result.runs.milliseconds})
        else:
            _tell(result, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files that are asked for; None for those that are not."""

    html: Path | None
    run: Path | None
    per_query: Path | None

    def check(self) -> None:
        """Refuse what could not be written before hours are spent on it."""
        check_outputs(self.html, self.run, self.per_query)
        if self.run is not None:
            format_of_run(self.run)

    def write(self, result: EvaluateResult) -> None:
        if self.run is not None:
            write_run_file(result.runs.served, self.run)
        if self.per_query is not None:
            _write_table(result.report.served, self.per_query)
        if self.html is not None:
            write_report(result.report, self.html)


def _tell(result: EvaluateResult, files: _Files) -> None:
    print_report(result.report)
    stages = ", ".join(f"{stage} {spent:.1f} ms" for stage, spent in result.runs.milliseconds.items())
    console.print(f"[dim]generation {result.runs.generation}: {stages} a query[/]", soft_wrap=True)
    for path in filter(None, (files.html, files.run, files.per_query)):
        console.print(printable(f"Written: {path}"), soft_wrap=True)


def print_report(report: EvaluationReport) -> None:
    """Tables and sentences for people."""
    tell_warnings(report.circumstances.warnings)
    tables = report.tables
    console.print_table(_measures_table(tables))
    if report.served.results:
        share = report.served.unjudged_results / report.served.results
        console.print(f"[dim]{share:.0%} of the first results were judged by nobody and count as not relevant.[/]")
    _print_groups(tables.groups)
    _print_extremes(report)
    if report.against is not None:
        _print_comparison(tables, theirs=report.against.run)


def _measures_table(tables: ReportTables) -> Table:
    table = plain_table("measure", "served", "95 % interval", "exact", "index loses", "undefined")
    for row in tables.measures:
        table.add_row(
            str(row.measure),
            decimal(row.served.mean if row.served else None, 4),
            span(row.served),
            decimal(row.exact, 4),
            "" if row.loss is None else signed(row.loss.mean, 4),
            f"{row.undefined:,}",
        )
    return table


def _print_groups(groups: Sequence[GroupRow]) -> None:
    shown = [group for group in groups if group.axis != "all"]
    if len(shown) < 2:  # noqa: PLR2004 - one kind of query is what the table above says
        return
    first = next(iter(shown[0].intervals))
    table = plain_table("group", "queries", str(first), "95 % interval")
    for group in shown[:_SHOWN_GROUPS]:
        interval = group.intervals[first]
        table.add_row(
            printable(group.name), f"{group.queries:,}", decimal(interval.mean if interval else None), span(interval)
        )
    console.print_table(table)
    if len(shown) > _SHOWN_GROUPS:
        console.print(f"[dim]and {len(shown) - _SHOWN_GROUPS} groups more: --html and --json have all.[/]")


def _print_extremes(report: EvaluationReport) -> None:
    measure = report.served.measures[0]
    table = plain_table("", "query", f"{measure}")
    for kind, strips in (("best", report.best), ("worst", report.worst)):
        for strip in strips:
            table.add_row(kind, printable(strip.query), decimal(strip.value, 4))
            kind = ""  # noqa: PLW2901 - said once
    console.print_table(table)


def _print_comparison(tables: ReportTables, *, theirs: str) -> None:
    table = plain_table("measure", "here", "there", "difference", "95 % interval", "p", "better/same/worse")
    for row in tables.comparisons:
        found = row.comparison
        if found is not None:
            table.add_row(
                str(row.measure),
                decimal(found.first, 4),
                decimal(found.second, 4),
                signed(found.difference.mean, 4),
                span(found.difference, signs=True),
                p_value(row.adjusted_p),
                f"{found.wins}/{found.ties}/{found.losses}",
            )
    console.print_table(table)
    console.print(printable(verdict(tables.comparisons[0], ours=_HERE, theirs=theirs)), soft_wrap=True)
    for caution in cautions(tables, ours=_HERE, theirs=theirs):
        console.print(printable(caution), style="yellow", soft_wrap=True)


def _write_table(evaluation: Evaluation, path: Path) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["query", *map(str, evaluation.measures)])
    for query, values in evaluation.table():
        writer.writerow([query, *("" if math.isnan(value) else repr(value) for value in values.values())])
    try:
        path.write_text(stream.getvalue(), encoding="utf-8", errors="surrogateescape")
    except OSError as fault:
        raise StorageFailed(f"{path}: cannot be written: {fault.strerror}") from None
