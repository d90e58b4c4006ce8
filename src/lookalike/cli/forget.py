"""`lookalike forget PATH|ID...`."""

from typing import Annotated

import typer

from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.indexing import Forgotten
from lookalike.library import forget as use_case
from lookalike.library.forget import ForgetRequest
from lookalike.library.opening import open_library


def forget(
    what: Annotated[list[str], typer.Argument(metavar="PATH|ID...", help="Folders, files, or ids of images.")],
    *,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Keep nothing in the bin: delete tags, owner and vectors immediately.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be removed.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove folders or images from the library. Files are never touched.

    Later runs skip a forgotten folder until it is indexed by name. Tags, owner and vectors stay in a bin for some time
    and are restored with the file. An image given by its id is deleted immediately, as over HTTP.
    """
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        done = use_case.forget(opened, ForgetRequest(what=what, for_good=for_good, dry_run=dry_run))
        if as_json:
            print_json({"dry_run": dry_run, "forgotten": [one.as_document() for one in done]})
        else:
            _print(done, dry_run=dry_run, for_good=for_good)


def _print(done: list[Forgotten], *, dry_run: bool, for_good: bool) -> None:
    for one in done:
        would = "would be " if dry_run else ""
        kept = f"; {one.kept:,} stay, known from elsewhere" if one.kept else ""
        line = f"{one.what}: {one.images:,} images {would}taken out ({one.files:,} files, untouched{kept})"
        console.print(printable(line), soft_wrap=True)
    if not dry_run and not for_good and any(one.comes_back and one.images for one in done):
        console.print("Index a folder by name to bring it back as it was; `lookalike sources` lists what is left out.")
