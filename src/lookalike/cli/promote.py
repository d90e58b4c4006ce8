"""`lookalike models promote | rollback | history`: which model answers, and how another one takes its place."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from lookalike.assembly import Library, image_limits, open_library
from lookalike.catalog import LiveModel, LiveSince
from lookalike.cli.evaluate import MeasuresOption, ResamplesOption
from lookalike.cli.judging import Asked, ImagesOption, QueriesOption, judged
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
)
from lookalike.cli.progress import IndexProgress
from lookalike.embedding import Encoder
from lookalike.errors import CallerError, LibraryMissing, PromotionRefused
from lookalike.evaluation import Comparison, Evaluation, Measure, compare_evaluations, evaluate_run, parse_measures
from lookalike.evaluation.pipeline import JudgedLibrary, run_model
from lookalike.evaluation.report.wording import decimal, p_value, signed, span
from lookalike.indexing import IndexReport

_MEASURES = "nDCG@10,mAP,P@10"


@dataclass(frozen=True, kw_only=True)
class _Candidacy:
    """A model that may take over, compared with the live one by exact search over the same queries.

    Attributes:
        name: of the model.
        live: that answers now.
        comparisons: by measure, the candidate first; empty where nothing was judged. The first one decides.
    """

    name: str
    live: LiveModel
    comparisons: dict[Measure, Comparison]

    def require_better(self) -> None:
        """Raises PromotionRefused: it ranks worse."""
        measure, found = next(iter(self.comparisons.items()))
        if found.difference.mean < 0:
            raise PromotionRefused(
                f"{self.name} ranks worse than {self.live.name}: {measure} {found.first:.4f} against"
                f" {found.second:.4f} ({signed(found.difference.mean, 4)}, 95 % interval"
                f" {span(found.difference, signs=True)}); {self.live.name} goes on answering (--force switches anyway)"
            )


def promote(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of `lookalike models list`.")],
    *,
    judgements: Annotated[
        str | None,
        typer.Option(metavar="JUDGEMENTS", help="Grades to compare by: a file, or a judgement set of this library."),
    ] = None,
    measures: MeasuresOption = _MEASURES,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    force: Annotated[bool, typer.Option("--force", help="Switch even if it ranks worse or nobody measured.")] = False,
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another model answer: embed every image with it, compare it with the live one, switch at once.

    The live model answers until the switch, and a service that runs follows by itself. The first of --measures
    decides: a model that ranks worse is refused. Judge by queries that it was not trained on. The old vectors and index
    stay, for `lookalike models rollback`. After Ctrl-C, run it again: what was embedded is kept.
    """
    with faults_are_told(as_json=as_json):
        chosen = parse_measures([measures])
        settings = settings_for(library)
        with (
            open_library(settings, mode="throughput", model=name) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            live = _live(opened)
            if opened.encoder.fingerprint == live.fingerprint:
                raise CallerError(f"{name} is the model that answers already")
            if judgements is None and not force:
                raise PromotionRefused(
                    f"nothing says that {name} ranks as well as {live.name}: name grades with --judgements"
                    " (a file, or a set of `lookalike judgements list`), or switch anyway with --force"
                )
            known = judged(opened, Asked(judgements=judgements, queries=queries, images=images)) if judgements else None
            embedded = opened.indexer.embed_known(progress=progress)
            comparisons = _compared(opened, live, known, chosen, resamples, progress) if known else {}
            candidacy = _Candidacy(name=name, live=live, comparisons=comparisons)
            if not as_json:
                print_comparisons(candidacy)
            if not force:
                candidacy.require_better()
            because = f"promoted over {live.name}, {judgements or 'unmeasured'}"
            report = opened.indexer.take_over(because=because, progress=progress)
        _tell_switch(live, opened.indexer.model, [embedded, report], candidacy, as_json=as_json)


def rollback(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Let the model that answered before answer again.

    Its vectors are still there; images that came in since are embedded with it first.
    """
    with faults_are_told(as_json=as_json):
        settings = settings_for(library)
        with open_library(settings) as opened:
            live = _live(opened)
            before = next((step.model for step in opened.catalog.model_history() if step.model != live), None)
        if before is None:
            raise CallerError(f"{live.name} is the only model that ever answered here: there is nothing to go back to")
        with (
            open_library(settings, mode="throughput", model=before.name) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            opened.open_exactly(before)
            report = opened.indexer.take_over(because=f"rolled back from {live.name}", progress=progress)
        _tell_switch(live, before, [report], None, as_json=as_json)


def history(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the models that answered in this library, the newest first."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        steps = opened.catalog.model_history()
        if as_json:
            print_json([_step_document(step) for step in steps])
            return
        for step in steps:
            since = f"{step.since.astimezone():%Y-%m-%d %H:%M}"
            told = f"{since}  {step.model.name} ({step.model.fingerprint[:12]}): {step.because}"
            console.print(printable(told), soft_wrap=True)


def print_comparisons(candidacy: _Candidacy) -> None:
    """A row a measure."""
    if not candidacy.comparisons:
        return
    table = plain_table("measure", candidacy.name, candidacy.live.name, "difference", "95 % interval", "p")
    for measure, found in candidacy.comparisons.items():
        table.add_row(
            str(measure),
            decimal(found.first, 4),
            decimal(found.second, 4),
            signed(found.difference.mean, 4),
            span(found.difference, signs=True),
            p_value(found.p_value),
        )
    console.print_table(table)


def _live(library: Library) -> LiveModel:
    live = library.catalog.live_model()
    if live is None:
        raise LibraryMissing("nothing was indexed here yet, so no model answers: run `lookalike index FOLDER`")
    return live


def _compared(
    library: Library,
    live: LiveModel,
    known: JudgedLibrary,
    measures: Sequence[Measure],
    resamples: int,
    progress: IndexProgress,
) -> dict[Measure, Comparison]:
    for warning in known.warnings:
        messages.print(printable(f"Note: {warning}"), style="yellow", soft_wrap=True)

    def evaluated(encoder: Encoder) -> Evaluation:
        progress.stage(f"Ranking by {encoder.name}", len(known.queries))
        limits = image_limits(library.settings)
        run = run_model(library.catalog, encoder, known.queries, limits=limits, asked=lambda: progress.advance(1))
        return evaluate_run(run, known.judgements, measures)

    candidate, answering = evaluated(library.encoder), evaluated(library.open_exactly(live))
    return {measure: compare_evaluations(candidate, answering, measure, resamples=resamples) for measure in measures}


def _tell_switch(
    before: LiveModel, now: LiveModel, reports: Sequence[IndexReport], candidacy: _Candidacy | None, *, as_json: bool
) -> None:
    embedded = sum(report.embedded for report in reports)
    seconds = sum(report.seconds for report in reports)
    if as_json:
        comparisons = candidacy.comparisons if candidacy else {}
        document = {
            "model": asdict(now),
            "before": asdict(before),
            "embedded": embedded,
            "refused": [asdict(refusal) for report in reports for refusal in report.refused],
            "seconds": seconds,
            "comparisons": {str(measure): asdict(found) for measure, found in comparisons.items()},
        }
        print_json(document)
        return
    console.print(
        f"[bold]{now.name}[/] answers now instead of {before.name}: {embedded:,} images embedded ({seconds:.1f} s)."
    )
    console.print(
        "[dim]`lookalike models rollback` goes back; a service that runs has followed by itself.[/]", soft_wrap=True
    )


def _step_document(step: LiveSince) -> dict[str, object]:
    return {**asdict(step.model), "since": step.since.isoformat(), "because": step.because}
