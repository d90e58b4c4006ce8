"""`lookalike backup DEST` and `lookalike restore SRC`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lookalike.backup import (
    Backup,
    BackupFolder,
    BackupReport,
    RestoreReport,
    back_up,
    check_backup,
    install_models,
    restore,
)
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
from lookalike.library.backup import backup_parts
from lookalike.library.opening import open_library
from lookalike.settings import user_path

_NAMED = 3


def backup(
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="A folder for backups, preferably on another disk.")
    ],
    *,
    library: LibraryOption = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep only this many of the newest backups in DEST (default: keep all)."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Do not make a backup; check every byte of the newest one in DEST.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Back up the library to DEST while it is in use: catalog, uploads, settings, and models made here.

    Run it again at any time: only new uploads are copied. After Ctrl-C or a crash it continues where it stopped.
    Indexed files are not copied; indexes and thumbnails can be rebuilt from the rest.

    Ends with exit code 4 if uploads are missing or damaged.
    """
    with faults_are_told(as_json=as_json):
        destination = user_path(destination)
        problems = _check(destination, as_json=as_json) if check else _make(destination, library, keep, as_json=as_json)
    if problems:
        stop(ExitCode.PROBLEMS_FOUND)


def restore_backup(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="A folder of backups (the newest is restored), or one backup.")
    ],
    *,
    library: LibraryOption = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the same library; its old catalog is kept in replaced/."),
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Continue if uploads in the backup are missing or damaged.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty folder, or with --replace over the library that it was made of.

    Running services switch to the restored library. The index is not part of a backup: `lookalike serve` and
    `lookalike index` build it, and searches are exact until then.
    """
    with faults_are_told(as_json=as_json):
        settings = settings_for(library)
        if settings.catalog_url:
            raise CallerError("catalog_url is set: `restore` puts back a SQLite catalog; see docs/backup.md")
        with IndexProgress(messages, quiet=as_json) as progress:
            report = restore(
                user_path(source), settings.library, replace=replace, allow_missing=allow_missing, progress=progress
            )
        models = install_models(report.models, settings.models)
        if as_json:
            print_json({**_plain(asdict(report)), "models": list(models)})
        else:
            _print_restored(report, models)
    if report.missing:
        stop(ExitCode.PROBLEMS_FOUND)


def _make(destination: Path, library: Path | None, keep: int | None, *, as_json: bool) -> tuple[str, ...]:
    with (
        open_library(settings_for(library)) as opened,
        IndexProgress(messages, quiet=as_json) as progress,
    ):
        report = back_up(opened.catalog, backup_parts(opened), destination, keep=keep, progress=progress)
    if as_json:
        print_json(_plain(asdict(report)))
    else:
        _print_made(report)
    return report.missing


def _check(destination: Path, *, as_json: bool) -> tuple[str, ...]:
    newest = BackupFolder(destination).newest()
    with IndexProgress(messages, quiet=as_json) as progress:
        problems = check_backup(newest, progress=progress)
    if as_json:
        print_json({"backup": str(newest), "clean": not problems, "problems": problems})
    for problem in problems if not as_json else ():
        console.print(printable(f"Problem: {problem}"), style="red", soft_wrap=True)
    if not problems and not as_json:
        record = Backup.read(newest)
        console.print(
            printable(f"Clean: {newest} ({record.images:,} images, {record.uploads:,} uploads)"), soft_wrap=True
        )
    return tuple(problems)


def _print_made(report: BackupReport) -> None:
    console.print(
        printable(
            f"{report.folder}: {report.images:,} images, {report.uploads:,} uploads,"
            f" {report.new_uploads:,} of them new ({report.bytes_copied / 1e6:,.1f} MB copied, {report.seconds:.1f} s)"
        ),
        soft_wrap=True,
    )
    if report.removed:
        console.print(f"{len(report.removed)} older backups removed")
    _print_missing(report.missing, "the library has lost them, or holds them damaged; `lookalike verify` tells more")


def _print_restored(report: RestoreReport, models: tuple[str, ...]) -> None:
    console.print(
        printable(
            f"{report.library}: {report.images:,} images and {report.uploads:,} uploads as they were"
            f" {report.created_at} ({report.seconds:.1f} s)"
        ),
        soft_wrap=True,
    )
    if report.replaced:
        console.print(printable(f"What was there before is in {report.replaced}"), soft_wrap=True)
    if models:
        console.print(printable(f"Models put back: {', '.join(models)}"), soft_wrap=True)
    _print_missing(report.missing, "their images stay in the catalog without bytes")


def _print_missing(missing: tuple[str, ...], words: str) -> None:
    if missing:
        named = ", ".join(missing[:_NAMED])
        console.print(
            printable(f"{len(missing):,} uploads are missing ({named}): {words}"), style="red", soft_wrap=True
        )


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in document.items()}
