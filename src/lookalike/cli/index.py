"""`lookalike index PATH...`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lookalike.assembly import open_library
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
from lookalike.indexing import IndexReport
from lookalike.settings import user_path
from lookalike.snapshot import LiveRecall, live_recall

_REFUSALS_SHOWN = 10


def index(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders and image files.")],
    *,
    library: LibraryOption = None,
    model: Annotated[
        str | None, typer.Option(help="The model to embed with; another one than before makes a new generation.")
    ] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Bring back images deleted on request earlier.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Try files again that were refused before.")] = False,
    with_recall: Annotated[
        bool,
        typer.Option("--live-recall", help="Afterwards measure how many of the true nearest the index finds."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print each image once it is on disk.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the library hold what is under PATH now: new and changed files are added, deleted ones forgotten.

    Run it again at any time: what did not change is not read. After Ctrl-C or a crash it goes on where it was.
    """
    with faults_are_told(as_json=as_json):
        paths = [user_path(path) for path in paths]  # `--option=~/x` and quotes reach us as they are
        for path in paths:
            if not path.exists():
                raise CallerError(f"{path}: there is no such file or folder; nothing was changed")
        settings = settings_for(library)
        with (
            open_library(settings, create=True, mode="throughput", model=model) as opened,
            IndexProgress(messages, verbose=verbose, quiet=as_json and not verbose) as progress,
        ):
            if opened.is_outdated:
                messages.print("An earlier version of lookalike made this library's vectors: all are made again.")
            report = opened.indexer.index(paths, progress=progress, restore=restore, again=again)
            measured = None
            if with_recall and not report.interrupted:
                progress.stage("Measuring recall", None)
                measured = live_recall(opened.catalog, settings.snapshots)
        if as_json:
            recall = {"live_recall": measured.as_document() if measured else None} if with_recall else {}
            print_json({"library": str(settings.library), **_as_document(report), **recall})
        else:
            print_report(report)
            if with_recall:
                _print_recall(measured)
    if report.interrupted:
        stop(ExitCode.INTERRUPTED)


def print_report(report: IndexReport) -> None:
    """Say in words what a run did."""
    if report.interrupted:
        console.print("[yellow]Interrupted.[/] What was stored is safe; run the same command to go on.")
    rate = f", {report.images_per_second:.1f} images/s" if report.embedded else ""
    console.print(
        f"[bold]{report.added:,}[/] added, {report.unchanged:,} unchanged, {report.known_again:,} known already,"
        f" {report.removed:,} gone, {len(report.refused):,} refused ({report.seconds:.1f} s{rate})"
    )
    if report.left_out:
        console.print(f"  {report.left_out:,} left out: deleted on request earlier; --restore brings them back")
    for refusal in [*report.refused, *report.unreadable_folders][:_REFUSALS_SHOWN]:
        console.print(
            Text("  refused ", style="yellow") + printable(f"{refusal.path}: {refusal.reason}"), soft_wrap=True
        )
    more = len(report.refused) + len(report.unreadable_folders) - _REFUSALS_SHOWN
    if more > 0:
        console.print(f"  and {more:,} more; `lookalike stats` lists them")


def _print_recall(measured: LiveRecall | None) -> None:
    if measured is None:
        console.print("There is no index to measure yet.")
        return
    recall = measured.recall
    console.print(
        f"recall@10 of the index against exact search: [bold]{recall.mean:.4f}[/] ± {recall.half_width:.4f}"
        f" ({measured.backend}, {recall.queries:,} of {measured.images:,} images asked with, {measured.seconds:.1f} s)"
    )


def _as_document(report: IndexReport) -> dict[str, object]:
    return {**asdict(report), "images_per_second": round(report.images_per_second, 2)}
