"""`lookalike models promote | rollback | history`: which model answers, and how another one takes its place."""

from dataclasses import asdict
from typing import Annotated

import typer

from lookalike.catalog import LiveSince
from lookalike.cli.evaluate import MeasuresOption, ResamplesOption
from lookalike.cli.judging import ImagesOption, QueriesOption
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
from lookalike.errors import PromotionRefused
from lookalike.evaluation.report.wording import decimal, p_value, signed, span
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.library.promote import MEASURES, Candidacy, PromoteRequest, Switch
from lookalike.library.promote import promote as let_answer
from lookalike.library.promote import rollback as go_back


def promote(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model in `lookalike models list`.")],
    *,
    judgements: Annotated[
        str | None,
        typer.Option(metavar="JUDGEMENTS", help="Grades to compare by: a file, or a judgement set of this library."),
    ] = None,
    measures: MeasuresOption = MEASURES,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Switch even if the model ranks worse or was not measured.")
    ] = False,
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make another model the live one: embed every image with it, compare it with the live model, and switch.

    The old model answers until the switch, and running services follow by themselves. The first of --measures decides:
    a model that ranks worse is refused. Use queries that the model was not trained on. The old vectors and index are
    kept for `lookalike models rollback`. After Ctrl-C, run it again: finished work is kept.
    """
    with faults_are_told(as_json=as_json):
        named = JudgementSource(judgements=judgements, queries=queries, images=images) if judgements else None
        request = PromoteRequest(name=name, judgements=named, measures=measures, force=force, resamples=resamples)
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            switch = _switch(opened, request, progress, as_json=as_json)
        tell_warnings(switch.warnings)
        if switch.candidacy and not as_json:
            print_comparisons(switch.candidacy)
        _tell_switch(switch, as_json=as_json)


def _switch(library: LibraryParts, request: PromoteRequest, progress: IndexProgress, *, as_json: bool) -> Switch:
    """The switch; a refusal shows what was compared."""
    try:
        return let_answer(library, request, progress)
    except PromotionRefused as refusal:
        if isinstance(refusal.comparison, Candidacy) and not as_json:
            tell_warnings(refusal.comparison.warnings)
            print_comparisons(refusal.comparison)
        raise


def rollback(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Let the model that answered before answer again.

    Its vectors are still there; images that came in since are embedded with it first.
    """
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            switch = go_back(opened, progress)
        _tell_switch(switch, as_json=as_json)


def history(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the models that answered in this library, the newest first."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        steps = opened.catalog.models.history()
        if as_json:
            print_json([_step_document(step) for step in steps])
            return
        for step in steps:
            since = f"{step.since.astimezone():%Y-%m-%d %H:%M}"
            told = f"{since}  {step.model.name} ({step.model.fingerprint[:12]}): {step.because}"
            console.print(printable(told), soft_wrap=True)


def print_comparisons(candidacy: Candidacy) -> None:
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


def _tell_switch(switch: Switch, *, as_json: bool) -> None:
    embedded = switch.embedded
    seconds = sum(report.seconds for report in switch.reports)
    if as_json:
        candidacy = switch.candidacy
        document = {
            "model": asdict(switch.now),
            "before": asdict(switch.before),
            "embedded": embedded,
            "refused": [asdict(refusal) for report in switch.reports for refusal in report.refused],
            "seconds": seconds,
            "comparisons": {str(m): asdict(found) for m, found in candidacy.comparisons.items()} if candidacy else {},
            "warnings": list(switch.warnings),
        }
        print_json(document)
        return
    console.print(
        f"[bold]{switch.now.name}[/] answers now instead of {switch.before.name}: {embedded:,} images embedded"
        f" ({seconds:.1f} s)."
    )
    console.print(
        "[dim]`lookalike models rollback` goes back; a service that runs has followed by itself.[/]", soft_wrap=True
    )


def _step_document(step: LiveSince) -> dict[str, object]:
    return {**asdict(step.model), "since": step.since.isoformat(), "because": step.because}
