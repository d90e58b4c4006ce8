"""`lookalike events import | export | review | forget`."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lookalike.catalog import EventFilter
from lookalike.cli.help import command_group
from lookalike.cli.judging import check_outputs
from lookalike.cli.output import (
    ExitCode,
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    stop,
)
from lookalike.cli.progress import IndexProgress
from lookalike.errors import CallerError
from lookalike.library import events as use_cases
from lookalike.library.events import EventExportRequest, EventImport, EventImportRequest, zone_of
from lookalike.library.opening import open_library
from lookalike.library.review import ReviewRequest, ReviewResult, review_clicks
from lookalike.types import InteractionKind

app = command_group(add_completion=False, help="What people saw and clicked: read logs, write them, forget them.")

FormatOption = Annotated[
    str | None, typer.Option("--format", help="jsonl or csv (default: by the file's suffix).", metavar="FORMAT")
]
ZoneOption = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Of times without an offset.")]
_SHOWN = 20


@app.command("import")
def import_events(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Events in UBI's form: one JSON object a line, or CSV.")],
    *,
    file_format: FormatOption = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="NAME=KIND", help="What an action of another front end is here; repeatable."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="ZONE", help="Of times without an offset (default: refuse).")
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="No person made these events.")] = False,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="OUT", help="Write the refused lines there, as JSON.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store the events of a log in the schema of User Behavior Insights (UBI).

    Each line is checked by itself: a wrong one is refused with its reason, and the others are stored. Importing a file
    again stores nothing twice.
    """
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        request = EventImportRequest(
            file=file,
            file_format=file_format,
            actions=_actions(action or []),
            time_zone=time_zone,
            simulated=simulated,
            rejected=rejected,
        )
        with IndexProgress(messages, quiet=as_json) as progress:
            done = use_cases.import_events(opened, request, progress)
        if as_json:
            print_json({"file": str(file), **asdict(done)})
        else:
            _print_import(file, done)
        if done.refused and not done.stored and not done.already_known:
            stop(ExitCode.CALLER)


@app.command("export")
def export_events(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file to write: .jsonl or .csv.")],
    *,
    file_format: FormatOption = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only events from this time.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only events before this time.")] = None,
    time_zone: ZoneOption = "UTC",
    kind: Annotated[list[InteractionKind] | None, typer.Option("--kind", help="Only these; repeatable.")] = None,
    simulated: Annotated[
        bool | None, typer.Option("--simulated/--real", help="Only simulated events, or only those of people.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write events in the schema of User Behavior Insights, in the order of time. `events import` reads them back."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        wanted = EventFilter(
            since=_time("--since", since, time_zone),
            until=_time("--until", until, time_zone),
            kinds=tuple(kind) if kind else None,
            simulated=simulated,
        )
        count = use_cases.export_events(opened, EventExportRequest(out=out, file_format=file_format, wanted=wanted))
        if as_json:
            print_json({"file": str(out), "events": count})
        else:
            console.print(printable(f"{out}: {count:,} events"), soft_wrap=True)


@app.command("review")
def review_events(
    judgement_set: Annotated[str, typer.Argument(metavar="SET", help="Judgement set that the answers will go to.")],
    *,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Number of pairs.")] = 200,
    include_simulated: Annotated[
        bool, typer.Option("--include-simulated", help="Also review simulated clicks.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.tsv", help="Also write the pairs as a table: 1 is yes, 0 no.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue clicked pairs that look wrong, to be answered with yes or no on the grading page or in the table.

    `lookalike train --on clicks --reviewed SET` leaves out what was answered with no.
    """
    with faults_are_told(as_json=as_json):
        check_outputs(out)
        request = ReviewRequest(judgement_set=judgement_set, count=count, include_simulated=include_simulated, out=out)
        with open_library(settings_for(library)) as opened:
            found = review_clicks(opened, request)
        if as_json:
            print_json(asdict(found))
        else:
            _print_review(judgement_set, found, out)


@app.command("forget")
def forget_events(
    *,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Events of this user, client or session.")
    ] = None,
    older_than_days: Annotated[
        int | None, typer.Option("--older-than-days", min=0, metavar="N", help="Events from before N days ago.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete events for good: those of a person, or old ones."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        forgotten = use_cases.forget_events(opened, person=user, older_than_days=older_than_days)
        if as_json:
            print_json({"forgotten": forgotten})
        else:
            console.print(f"{forgotten:,} events forgotten")


def _actions(given: list[str]) -> dict[str, str]:
    """`NAME=KIND` by name.

    Raises:
        CallerError: one has no `=`.
    """
    for one in given:
        if "=" not in one:
            raise CallerError(f"--action {one}: give it as NAME=KIND, such as add_to_cart=save")
    return dict(one.split("=", 1) for one in given)


def _time(option: str, text: str | None, time_zone: str) -> datetime | None:
    """A time with an offset.

    Raises:
        CallerError: it is none.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CallerError(f"{option} {text}: give a date or time such as 2026-11-30 or 2026-11-30T12:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=zone_of(time_zone))


def _print_import(file: Path, done: EventImport) -> None:
    counts = f"{done.stored:,} stored, {done.already_known:,} known already, {done.refused:,} refused"
    console.print(printable(f"{file}: {done.read:,} events read, {counts}"), soft_wrap=True)
    for line in done.lines[:_SHOWN]:
        console.print(printable(f"  line {line.number}: {line.reason}: {line.message}"), soft_wrap=True)
    if done.refused > _SHOWN:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in done.reasons.items())
        console.print(f"  ... in all: {reasons}; --rejected FILE writes every one")


def _print_review(judgement_set: str, found: ReviewResult, out: Path | None) -> None:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in found.reasons.items() if count)
    suspicious = f"{found.suspicious:,} of {found.clicked:,} clicked pairs look wrong ({reasons or 'none'})"
    console.print(printable(f"{suspicious}; {found.queued:,} wait for an answer of {judgement_set}."), soft_wrap=True)
    if found.wrong or found.right:
        console.print(f"Answered before: {found.wrong:,} no, {found.right:,} yes.")
    if out is not None:
        console.print(printable(f"Written: {out}"), soft_wrap=True)
