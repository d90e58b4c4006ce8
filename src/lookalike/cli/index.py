"""`lookalike index PATH...`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

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
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.indexing import IndexOptions, IndexReport, Refusal, Skipped
from lookalike.indexing.selection import SYSTEM_FOLDER
from lookalike.library import index as use_case
from lookalike.library.index import IndexRequest, IndexResult
from lookalike.library.opening import open_library
from lookalike.library.places import check_new_library
from lookalike.settings import user_path
from lookalike.snapshot import LiveRecall

_REFUSALS_SHOWN = 10
_SUFFIXES_SHOWN = 6


PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH...]", help="Folders and image files (default: all folders indexed before)."),
]
ModelOption = Annotated[str | None, typer.Option(help="Model to embed with (default: the library's model).")]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Skip files that match, as in .gitignore. Can be given several times."),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Index only files that match. Can be given several times."),
]
ForgetMissingOption = Annotated[
    bool, typer.Option("--forget-missing", help="Forget missing files, even if a whole folder is empty or gone.")
]
VerifyContentOption = Annotated[
    bool, typer.Option("--verify-content", help="Read every file again, even if it looks unchanged.")
]
RestoreOption = Annotated[bool, typer.Option("--restore", help="Restore images that were deleted on request.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Retry files that were refused before.")]
CreateOption = Annotated[
    bool, typer.Option("--create", help="Create a new library even if one beside it has almost the same name.")
]
LiveRecallOption = Annotated[bool, typer.Option("--live-recall", help="Afterwards measure the recall of the index.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print each image once it is stored.")]


def index(
    paths: PathsArgument = None,
    *,
    library: LibraryOption = None,
    model: ModelOption = None,
    exclude: ExcludeOption = None,
    include: IncludeOption = None,
    forget_missing: ForgetMissingOption = False,
    verify_content: VerifyContentOption = False,
    restore: RestoreOption = False,
    again: AgainOption = False,
    create: CreateOption = False,
    with_recall: LiveRecallOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Update the library to the files under PATH: new and changed files are added, deleted ones are forgotten.

    Without PATH, all folders listed by `lookalike sources` are updated.

    Run it again at any time: unchanged files are not read. After Ctrl-C or a crash it continues where it stopped.
    A folder that is completely empty or gone removes nothing: the run reports it and ends with exit code 3.
    """
    options = IndexOptions(
        restore=restore,
        again=again,
        verify_content=verify_content,
        forget_missing=forget_missing,
        exclude=tuple(exclude or ()),
        include=tuple(include or ()),
    )
    with faults_are_told(as_json=as_json):
        named = [user_path(path) for path in paths or ()]  # `--option=~/x` and quotes reach us as they are
        settings = settings_for(library)
        check_new_library(settings, named, create=create)
        request = IndexRequest(paths=named, model=model, options=options, measure_recall=with_recall)
        with (
            open_library(settings, create=bool(named)) as opened,
            IndexProgress(messages, verbose=verbose, quiet=as_json and not verbose) as progress,
        ):
            result = use_case.index(opened, request, progress)
        if as_json:
            print_json({"library": str(settings.library), **_as_document(result, with_recall=with_recall)})
        else:
            _tell(result, with_recall=with_recall)
    _stop_if_not_done(result.report)


def _tell(result: IndexResult, *, with_recall: bool) -> None:
    tell_warnings(result.warnings)
    print_report(result.report)
    if with_recall:
        _print_recall(result.live_recall)


def _stop_if_not_done(report: IndexReport) -> None:
    if report.interrupted:
        stop(ExitCode.INTERRUPTED)
    if report.missing:
        stop(ExitCode.ENVIRONMENT)


def print_report(report: IndexReport) -> None:
    """Say in words what a run did."""
    if report.interrupted:
        console.print("[yellow]Interrupted.[/] What was stored is safe; run the same command to go on.")
    console.print(_summary(report))
    if report.removed:
        console.print("  what is gone can come back: its tags and vectors are kept for a while, until its file returns")
    if report.left_out:
        console.print(f"  {report.left_out:,} left out: deleted on request earlier; --restore brings them back")
    if report.outside_rules:
        console.print(
            f"  {report.outside_rules:,} known files are left out by patterns or names now, and stay in the library;"
            " `lookalike forget PATH` takes them out"
        )
    for line in _skipped(report):
        console.print(Text("  skipped ", style="yellow") + printable(line), soft_wrap=True)
    for note in report.notes:
        console.print(Text("  note ", style="yellow") + printable(note), soft_wrap=True)
    _print_refusals([*report.refused, *report.unreadable_folders])
    _print_missing(report)


def _summary(report: IndexReport) -> str:
    """The counts of files, in one line."""
    files = report.found + sum(one.count for one in report.skipped if not _of_folders(one))
    rate = f", {report.images_per_second:.1f} images/s" if report.embedded else ""
    optional = {"came back": report.returned, "moved": report.moved}
    told = "".join(f", {count:,} {what}" for what, count in optional.items() if count)
    return (
        f"{files:,} files: [bold]{report.added:,}[/] added, {report.unchanged:,} unchanged{told},"
        f" {report.known_again:,} known already, {report.removed:,} gone, {len(report.refused):,} refused"
        f" ({report.seconds:.1f} s{rate})"
    )


def _of_folders(skipped: Skipped) -> bool:
    return skipped.suffix == "/" or skipped.reason == SYSTEM_FOLDER


def _skipped(report: IndexReport) -> list[str]:
    """A line for each reason: how many files, of which suffixes."""
    lines = []
    for reason in dict.fromkeys(one.reason for one in report.skipped):
        of_reason = sorted((one for one in report.skipped if one.reason == reason), key=lambda one: -one.count)
        named = [f"{one.suffix} {one.count:,}" for one in of_reason if one.suffix not in {"", "/"}]
        folders = sum(one.count for one in of_reason if one.suffix == "/")
        named += [f"{folders:,} folder{'s' * (folders > 1)}"] * bool(folders)
        if len(named) > _SUFFIXES_SHOWN:
            named = [*named[:_SUFFIXES_SHOWN], f"{len(named) - _SUFFIXES_SHOWN:,} others"]
        details = f" ({', '.join(named)})" if named else ""
        lines.append(f"{sum(one.count for one in of_reason):,} {reason}{details}")
    return lines


def _print_refusals(refused: Sequence[Refusal]) -> None:
    for refusal in refused[:_REFUSALS_SHOWN]:
        console.print(
            Text("  refused ", style="yellow") + printable(f"{refusal.path}: {refusal.reason}"), soft_wrap=True
        )
    if len(refused) > _REFUSALS_SHOWN:
        console.print(f"  and {len(refused) - _REFUSALS_SHOWN:,} more; `lookalike stats` lists them")


def _print_missing(report: IndexReport) -> None:
    """What was not found and is kept, and how to say that it is really gone."""
    if not report.missing:
        return
    total = sum(group.images for group in report.missing)
    console.print(f"[bold yellow]{total:,} files are missing; nothing that is known of them was removed.[/]")
    for group in report.missing[:_REFUSALS_SHOWN]:
        console.print(
            printable(f"  {group.path} {group.reason} ({group.images:,} files were indexed there)"), soft_wrap=True
        )
    if len(report.missing) > _REFUSALS_SHOWN:
        console.print(f"  and {len(report.missing) - _REFUSALS_SHOWN:,} more folders")
    console.print(
        "If a disk or share is away, bring it back and run this again. If they are gone for good, add --forget-missing,"
        " or run `lookalike forget PATH`."
    )


def _print_recall(measured: LiveRecall | None) -> None:
    if measured is None:
        console.print("There is no index to measure yet.")
        return
    recall = measured.recall
    console.print(
        f"recall@10 of the index against exact search: [bold]{recall.mean:.4f}[/] ± {recall.half_width:.4f}"
        f" ({measured.backend}, {recall.queries:,} images asked with, among {measured.images:,} {recall.among},"
        f" {measured.seconds:.1f} s)"
    )


def _as_document(result: IndexResult, *, with_recall: bool) -> dict[str, object]:
    document = {**asdict(result.report), "images_per_second": round(result.report.images_per_second, 2)}
    if with_recall:
        document["live_recall"] = result.live_recall.as_document() if result.live_recall else None
    return document
