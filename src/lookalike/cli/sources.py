"""`lookalike sources`."""

from datetime import datetime

from lookalike.catalog import IndexedFolder
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.indexing.missing import is_there
from lookalike.library.opening import open_library


def sources(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the folders that were indexed: images, when last, and how many files are missing."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        indexed = opened.catalog.folders.indexed()
        forgotten = opened.catalog.folders.forgotten()
        in_bin = opened.catalog.counts().removed
        if as_json:
            print_json(
                {
                    "sources": [_as_document(folder) for folder in indexed],
                    "forgotten": forgotten,
                    "in_bin": in_bin,
                }
            )
            return
        _print(indexed, forgotten, in_bin)


def _print(indexed: list[IndexedFolder], forgotten: list[str], in_bin: int) -> None:
    if not indexed:
        console.print("No folder was indexed yet.")
    else:
        console.print("   images  missing  refused  last run          folder", style="bold")
    for folder in indexed:
        away = "" if is_there(folder.path) else "  (not there now)"
        line = (
            f"{folder.images:>9,}  {folder.missing:>7,}  {folder.refused:>7,}  {_when(folder.last_run_at)}"
            f"  {folder.path}{away}"
        )
        console.print(printable(line), soft_wrap=True)
    for path in forgotten:
        console.print(printable(f"left out: {path} (forgotten; index it by name to take it in again)"), soft_wrap=True)
    if in_bin:
        console.print(f"{in_bin:,} images whose files are gone are in the bin, and come back with their files.")


def _when(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "earlier version "


def _as_document(folder: IndexedFolder) -> dict[str, object]:
    return {
        "path": folder.path,
        "there": is_there(folder.path),
        "images": folder.images,
        "missing": folder.missing,
        "refused": folder.refused,
        "last_run": folder.last_run_at.isoformat() if folder.last_run_at else None,
    }
