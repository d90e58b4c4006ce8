"""`lookalike evaluate JUDGEMENTS`."""

import csv
import io
import math
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lookalike import __version__
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
from lookalike.errors import CallerError, StorageFailed
from lookalike.evaluation import DEFAULT_MEASURES, Evaluation, Measure, Run, evaluate_run, parse_measures, read_run
from lookalike.evaluation import write_run as write_run_file
from lookalike.evaluation.judgement_files import SUFFIXES, format_of_run
from lookalike.evaluation.pipeline import (
    JudgedLibrary,
    PipelineQuery,
    PipelineRuns,
    run_exact,
    run_in_ids,
    run_pipeline,
)
from lookalike.evaluation.report import (
    Circumstances,
    EvaluationReport,
    GroupRow,
    JudgementSummary,
    QueryDescription,
    QueryStrip,
    ReportTables,
    StripMaker,
    as_document,
    cautions,
    depth_curves,
    extremes,
    verdict,
    write_report,
)
from lookalike.evaluation.report.wording import decimal, p_value, signed, span
from lookalike.library.judging import JudgementSource, bad_line_warnings, judged_queries
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import thumbnail
from lookalike.retrieval import FROZEN_HITS, ExactRanker
from lookalike.settings import user_path

_SHOWN_GROUPS = 12
_PICTURE_PIXELS = 144
_HERE = "this library"

MeasuresOption = Annotated[
    str,
    typer.Option("--measures", "-m", metavar="M,...", help="Such as nDCG@10,mAP,P@5,R@100,MRR,mAP(rel=2)."),
]
ResamplesOption = Annotated[
    int, typer.Option(min=100, max=1_000_000, help="Draws for confidence intervals and tests; more is slower.")
]
DEFAULT_MEASURE_NAMES = ",".join(map(str, DEFAULT_MEASURES))


def evaluate(
    judgements: JudgementsArgument,
    *,
    measures: MeasuresOption = DEFAULT_MEASURE_NAMES,
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN_OR_MODEL", help="A run file, or a model on this machine, to compare with."),
    ] = None,
    queries: QueriesOption = None,
    group_by: GroupByOption = "",
    images: ImagesOption = None,
    html: Annotated[
        Path | None, typer.Option(metavar="REPORT", help="Write a report with pictures to look at.")
    ] = None,
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="Write what was returned, as a run file.")] = None,
    per_query: Annotated[Path | None, typer.Option(metavar="CSV", help="Write each query's values.")] = None,
    file_format: FormatOption = None,
    keep_good: KeepGoodOption = False,
    combine: CombineOption = "refuse",
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well this library ranks, by grades that people gave.

    Every query is asked of the pipeline that serves, and of exact search, so that what the index loses is told apart
    from what the model does not see. docs/measures.md says which measure is for what.
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
        check_outputs(html, run, per_query)
        if run is not None:
            format_of_run(run)
        with IndexProgress(messages, quiet=as_json) as progress:
            measuring = _Measuring(
                library=opened,
                judged=judged_queries(opened, asked),
                measures=chosen,
                progress=progress,
                resamples=resamples,
                folders=asked.folders,
            )
            runs = measuring.runs()
            other = measuring.other(against, asked) if against else None
            report = measuring.report(runs, other, name=judgements, pictures=html is not None)
        if run is not None:
            write_run_file(runs.served, run)
        if per_query is not None:
            _write_table(report.served, per_query)
        if html is not None:
            write_report(report, html)
        if as_json:
            print_json({**as_document(report), "milliseconds": runs.milliseconds})
            return
        print_report(report)
        stages = ", ".join(f"{stage} {spent:.1f} ms" for stage, spent in runs.milliseconds.items())
        console.print(f"[dim]generation {runs.generation}: {stages} a query[/]", soft_wrap=True)
        for path in filter(None, (html, run, per_query)):
            console.print(printable(f"Written: {path}"), soft_wrap=True)


@dataclass(kw_only=True)
class _Measuring:
    """One evaluation as it goes: queries are asked, compared, scored and pictured."""

    library: LibraryParts
    judged: JudgedLibrary
    measures: tuple[Measure, ...]
    progress: IndexProgress
    resamples: int
    folders: Sequence[Path]

    def __post_init__(self) -> None:
        self.library.engine.warm_up()
        self._live = self.library.require_live()
        self._exact = self.library.engine.exact_ranker()
        self._warnings = list(self.judged.warnings)

    def runs(self) -> PipelineRuns:
        """Ask the pipeline that serves, and exact search."""
        self.progress.stage("Asking the judged queries", len(self.judged.queries))
        runs = run_pipeline(
            self.library.engine.ranker,
            self._exact,
            self.judged.queries,
            complete=any(measure.cutoff is None for measure in self.measures),
            asked=lambda: self.progress.advance(1),
        )
        self._warnings += [
            f"query {name} was not answered, which counts as 0: {why}" for name, why in runs.failed.items()
        ]
        return runs

    def other(self, name: str, asked: JudgementSource) -> Run:
        """Another run of the same queries: from a file, or by another model."""
        path = user_path(name)
        if not path.exists() and path.suffix.lower() not in SUFFIXES:
            return self._by_model(name)
        reading = read_run(path, keep_good=asked.keep_good)
        self._warnings += bad_line_warnings(path, reading.bad_lines)
        run, unknown = run_in_ids(self.library.catalog, reading.run, folders=asked.folders)
        if unknown:
            self._warnings.append(f"{unknown:,} results of {path.name} are not in this library: nobody judged them.")
        own = {
            query: self.judged.queries[query].own_image_ids for query in run.rankings if query in self.judged.queries
        }
        return Run(rankings=run.without(own).rankings, name=path.name)

    def _by_model(self, name: str) -> Run:
        encoder = self.library.open_model(name)
        self.library.indexer_for(encoder).embed_known(progress=self.progress)
        self.progress.stage(f"Ranking by {name}", len(self.judged.queries))
        self._warnings.append(f"{name} was searched exactly, this library by its index: see what that loses.")
        ranker = ExactRanker(self.library.catalog, encoder, limits=self.library.limits)
        return run_exact(ranker, self.judged.queries, asked=lambda: self.progress.advance(1))

    def report(self, runs: PipelineRuns, other: Run | None, *, name: str, pictures: bool) -> EvaluationReport:
        """Everything, scored; with pictures of the best and worst queries where they are wanted."""
        self.progress.stage("Scoring", None)
        judgements = self.judged.judgements
        served = evaluate_run(runs.served, judgements, self.measures)
        ends = extremes(served, self.measures[0])
        ready = self.library.engine.ready()
        circumstances = Circumstances(
            library=str(self.library.settings.library),
            model=self._live.name,
            fingerprint=self._live.fingerprint,
            generation=runs.generation,
            backend=ready.backend,
            depth=FROZEN_HITS,
            at=datetime.now(UTC),
            version=__version__,
            command=shlex.join(["lookalike", *sys.argv[1:]]),
            warnings=tuple(self._warnings),
        )
        return EvaluationReport(
            circumstances=circumstances,
            judgements=JudgementSummary.of(judgements, name=name),
            served=served,
            exact=evaluate_run(runs.exact, judgements, self.measures),
            against=evaluate_run(other, judgements, self.measures) if other else None,
            queries={query.name: _description(query) for query in self.judged.queries.values()},
            best=self._strips(ends.best, runs, served, pictures=pictures),
            worst=self._strips(ends.worst, runs, served, pictures=pictures),
            curves=depth_curves(runs.served, judgements, system="served"),
            resamples=self.resamples,
        )

    def _strips(
        self, names: Sequence[str], runs: PipelineRuns, served: Evaluation, *, pictures: bool
    ) -> tuple[QueryStrip, ...]:
        values = dict(zip(served.queries, served.of(self.measures[0]).tolist(), strict=True))
        rankings = {name: runs.served.rankings[name] for name in names}
        if not rankings:
            return ()
        scores = {name: self._cosines(runs, name) for name in names}
        maker = StripMaker(
            run=Run(rankings=rankings, scores=scores),
            judgements=self.judged.judgements,
            values=values,
            picture=self._picture if pictures else lambda _: None,
            name=self._name,
        )
        queries = [self.judged.queries[name] for name in names]
        return tuple(
            maker.strip(
                query.name,
                picture=self._query_picture(query) if pictures else None,
                crop=query.crop,
                description=_description(query),
            )
            for query in queries
        )

    def _cosines(self, runs: PipelineRuns, name: str) -> list[float]:
        ranking = runs.served.rankings[name]
        return self._exact.cosines(runs.vectors[name], ranking) if ranking else []

    def _query_picture(self, query: PipelineQuery) -> bytes | None:
        if query.image is not None:
            return self._picture(query.image.id)
        return _thumbnail(query.as_query().content or b"", query.name)

    def _picture(self, image_id: str) -> bytes | None:
        try:
            return _thumbnail(self.library.catalog.images.content(image_id), image_id)
        except CallerError:
            return None  # the file is gone: the report shows a placeholder

    def _name(self, image_id: str) -> str:
        image = self.library.catalog.images.get_many([image_id]).get(image_id)
        source = (image.source if image else None) or image_id
        for folder in self.folders:
            if source.startswith(f"{folder}{os.sep}"):
                return os.path.relpath(source, folder)
        return source


def _thumbnail(content: bytes, name: str) -> bytes | None:
    try:
        return thumbnail(content, size=_PICTURE_PIXELS, name=name)
    except CallerError:
        return None


def _description(query: PipelineQuery) -> QueryDescription:
    return QueryDescription(kind="whole image" if query.crop is None else "crop", tags=query.tags)


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
