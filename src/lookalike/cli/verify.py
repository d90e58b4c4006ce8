"""`lookalike verify`."""

from typing import Annotated

import typer

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
from lookalike.library import verify as use_case
from lookalike.library.opening import open_library
from lookalike.library.verify import VerifyRequest
from lookalike.verification import Verification


def verify(
    *,
    library: LibraryOption = None,
    queries: Annotated[int, typer.Option(min=1, help="Number of images to measure the index's recall with.")] = 200,
    files: Annotated[
        int, typer.Option(min=0, help="Number of indexed files to compare with their recorded content.")
    ] = 200,
    as_json: JsonOption = False,
) -> None:
    """Check every record, original and snapshot against its checksum, and the index against exact search.

    Ends with exit code 4 when something is wrong.
    """
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            checked = use_case.verify(opened, VerifyRequest(queries=queries, files=files), progress)
        if as_json:
            print_json(checked.as_document())
        else:
            _print(checked)
    if checked.problems:
        stop(ExitCode.PROBLEMS_FOUND)


def _print(checked: Verification) -> None:
    for problem in checked.problems:
        console.print(printable(f"Problem: {problem}"), style="red", soft_wrap=True)
    if checked.recall is not None:
        console.print(
            f"recall@10 against exact search: {checked.recall.mean:.4f} ({checked.backend}, {checked.recall.queries:,}"
            f" images asked with, among {checked.recall.among})"
        )
    for note in checked.notes:
        console.print(printable(f"Note: {note}"), soft_wrap=True)
    if not checked.problems:
        console.print(
            f"[green]Clean[/]: {checked.images:,} images, {checked.snapshots} snapshots, {checked.files:,} files read"
        )
