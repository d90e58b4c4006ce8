"""Measuring how well a library ranks, by grades that people gave."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from lookalike.catalog import LiveModel
from lookalike.errors import CallerError
from lookalike.evaluation import DEFAULT_MEASURES, Evaluation, Measure, Run, evaluate_run, read_run
from lookalike.evaluation.judgement_files import SUFFIXES
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
    JudgementSummary,
    QueryDescription,
    QueryStrip,
    StripMaker,
    depth_curves,
    extremes,
)
from lookalike.evaluation.report.plots import histogram
from lookalike.evaluation.report.wording import decimal, signed, span
from lookalike.library.judging import JudgementSource, bad_line_warnings, judged_queries
from lookalike.library.notebook import notes_html, table_html
from lookalike.library.parts import LibraryParts, ranker_by
from lookalike.preprocessing import thumbnail
from lookalike.progress import Progress
from lookalike.retrieval import FIRST_HITS, ExactRanker
from lookalike.settings import user_path
from lookalike.version import __version__

_PICTURE_PIXELS = 144


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What to measure by, and with what to compare.

    Attributes:
        judgements: the grades.
        measures: the first one picks the best and worst queries.
        against: a run file, or a model on this machine, to compare with.
        resamples: draws for confidence intervals and tests.
        pictures: whether the report has pictures of the best and worst queries.
        command: what was typed, for the report.
    """

    judgements: JudgementSource
    measures: Sequence[Measure] = DEFAULT_MEASURES
    against: str | None = None
    resamples: int = 10_000
    pictures: bool = False
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """How well the library ranks; a notebook shows it as a table with a plot.

    Attributes:
        report: measures with intervals, groups, comparisons, best and worst queries.
        runs: what was returned for each query.
    """

    report: EvaluationReport
    runs: PipelineRuns

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out, and what to mind."""
        return self.report.circumstances.warnings

    def mean(self, measure: str) -> float:
        """Of what was served, over the queries for which the measure is defined.

        Raises:
            CallerError: it was not measured.
        """
        found = {str(one): one for one in self.report.served.measures}
        if measure not in found:
            raise CallerError(f"{measure}: was not measured; measured are {', '.join(found)}")
        return self.report.served.mean(found[measure])

    def _repr_html_(self) -> str:
        rows = [
            (
                str(row.measure),
                decimal(row.served.mean if row.served else None, 4),
                span(row.served),
                decimal(row.exact, 4),
                "" if row.loss is None else signed(row.loss.mean, 4),
            )
            for row in self.report.tables.measures
        ]
        title = f"{self.report.judgements.queries:,} judged queries, {self.report.circumstances.model}"
        table = table_html(("measure", "served", "95 % interval", "exact", "index loses"), rows, title=title)
        plot = histogram(self.report.served, self.report.served.measures[0], key="notebook")
        return str(Markup("<div>{}{}{}</div>").format(notes_html(self.warnings), table, plot))


def evaluate(library: LibraryParts, request: EvaluateRequest, progress: Progress) -> EvaluateResult:
    """Ask every judged query of the pipeline that serves, and of exact search, and score what they return.

    What the index loses is so told apart from what the model does not see.

    Raises:
        LibraryMissing: nothing was indexed.
        EvaluationRefused: the judgements cannot be used, or nothing of them is in the library.
        ModelMissing, UnknownModel: the model to compare with is not on this machine.
    """
    live = library.require_live()
    library.engine.warm_up()
    known = judged_queries(library, request.judgements)
    progress.stage("Asking the judged queries", len(known.queries))
    exact = library.engine.exact_ranker()
    runs = run_pipeline(
        library.engine.ranker,
        exact,
        known.queries,
        complete=any(measure.cutoff is None for measure in request.measures),
        asked=lambda: progress.advance(1),
    )
    failed = [f"query {name} was not answered, which counts as 0: {why}" for name, why in runs.failed.items()]
    other, further = _other(library, request, known, progress) if request.against else (None, [])
    progress.stage("Scoring", None)
    report = _Reporting(library, request, known, exact).report(
        runs, other, live, warnings=(*known.warnings, *failed, *further)
    )
    return EvaluateResult(report=report, runs=runs)


def _other(
    library: LibraryParts, request: EvaluateRequest, known: JudgedLibrary, progress: Progress
) -> tuple[Run, list[str]]:
    """Another run of the same queries, from a file or by another model, and what should be said of it."""
    name = request.against or ""
    path = user_path(name)
    if not path.exists() and path.suffix.lower() not in SUFFIXES:
        return _run_by_model(library, name, known, progress)
    reading = read_run(path, keep_good=request.judgements.keep_good)
    run, unknown = run_in_ids(library.catalog, reading.run, folders=request.judgements.folders)
    warnings = bad_line_warnings(path, reading.bad_lines)
    if unknown:
        warnings.append(f"{unknown:,} results of {path.name} are not in this library: nobody judged them.")
    own = {query: known.queries[query].own_image_ids for query in run.rankings if query in known.queries}
    return Run(rankings=run.without(own).rankings, name=path.name), warnings


def _run_by_model(library: LibraryParts, name: str, known: JudgedLibrary, progress: Progress) -> tuple[Run, list[str]]:
    ranker = ranker_by(library, name, progress)
    progress.stage(f"Ranking by {name}", len(known.queries))
    run = run_exact(ranker, known.queries, asked=lambda: progress.advance(1))
    return run, [f"{name} was searched exactly, this library by its index: see what that loses."]


class _Reporting:
    """Scores runs and pictures the queries they did best and worst at.

    Args:
        library: that was asked.
        request: how.
        known: the judged queries.
        exact: for cosines of hits.
    """

    def __init__(
        self, library: LibraryParts, request: EvaluateRequest, known: JudgedLibrary, exact: ExactRanker
    ) -> None:
        self._library, self._request, self._known, self._exact = library, request, known, exact

    def report(
        self, runs: PipelineRuns, other: Run | None, live: LiveModel, *, warnings: tuple[str, ...]
    ) -> EvaluationReport:
        judgements, measures = self._known.judgements, tuple(self._request.measures)
        served = evaluate_run(runs.served, judgements, measures)
        ends = extremes(served, measures[0])
        return EvaluationReport(
            circumstances=self._circumstances(runs, live, warnings),
            judgements=JudgementSummary.of(judgements, name=self._request.judgements.judgements),
            served=served,
            exact=evaluate_run(runs.exact, judgements, measures),
            against=evaluate_run(other, judgements, measures) if other else None,
            queries={query.name: _description(query) for query in self._known.queries.values()},
            best=self._strips(ends.best, runs, served),
            worst=self._strips(ends.worst, runs, served),
            curves=depth_curves(runs.served, judgements, system="served"),
            resamples=self._request.resamples,
        )

    def _circumstances(self, runs: PipelineRuns, live: LiveModel, warnings: tuple[str, ...]) -> Circumstances:
        return Circumstances(
            library=str(self._library.settings.library),
            model=live.name,
            fingerprint=live.fingerprint,
            generation=runs.generation,
            backend=self._library.engine.ready().backend,
            depth=FIRST_HITS,
            at=datetime.now(UTC),
            version=__version__,
            command=self._request.command,
            warnings=warnings,
        )

    def _strips(self, names: Sequence[str], runs: PipelineRuns, served: Evaluation) -> tuple[QueryStrip, ...]:
        if not names:
            return ()
        pictures = self._request.pictures
        values = dict(zip(served.queries, served.of(served.measures[0]).tolist(), strict=True))
        maker = StripMaker(
            run=Run(
                rankings={name: runs.served.rankings[name] for name in names},
                scores={name: self._cosines(runs, name) for name in names},
            ),
            judgements=self._known.judgements,
            values=values,
            picture=self._picture if pictures else lambda _: None,
            name=self._name,
        )
        return tuple(
            maker.strip(
                query.name,
                picture=self._query_picture(query) if pictures else None,
                crop=query.crop,
                description=_description(query),
            )
            for query in (self._known.queries[name] for name in names)
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
            return _thumbnail(self._library.catalog.images.content(image_id), image_id)
        except CallerError:
            return None  # the file is gone: the report shows a placeholder

    def _name(self, image_id: str) -> str:
        image = self._library.catalog.images.get_many([image_id]).get(image_id)
        source = (image.source if image else None) or image_id
        for folder in self._request.judgements.folders:
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
