"""`lookalike export FOLDER` and `lookalike import FOLDER`."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.library.export import ExportRequest, export_library
from lookalike.library.importing import VectorImportRequest, import_vectors
from lookalike.library.opening import open_library
from lookalike.settings import user_path


class TableChoice(StrEnum):
    """Values of `--table`."""

    JSONL = "jsonl"
    PARQUET = "parquet"


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    *,
    table: Annotated[TableChoice, typer.Option(help="How the records of images are written.")] = TableChoice.JSONL,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also write private and blocked images.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vectors and records of images for other programs.

    vectors.npy has a row for each line of images.jsonl (or images.parquet); export.json names the model.
    """
    with faults_are_told(as_json=as_json):
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            request = ExportRequest(folder=user_path(folder), table=table.value, hidden=hidden)
            result = export_library(opened, request, progress)
        if as_json:
            print_json(asdict(result))
        else:
            console.print(printable(f"{folder}: {result.images:,} images, vectors of {result.dimension} numbers"))


def import_folder(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="With vectors.npy, images.jsonl (or .parquet) and export.json.")
    ],
    *,
    files: Annotated[Path, typer.Option(metavar="DIR", help="Relative sources are below this folder.")] = Path(),
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add images with vectors that were computed elsewhere by the same model, without running it here.

    The first vectors are computed again and compared; nothing more is imported if one differs.
    """
    with faults_are_told(as_json=as_json):
        settings = settings_for(library)
        with open_library(settings, create=True) as opened, IndexProgress(messages, quiet=as_json) as progress:
            request = VectorImportRequest(folder=user_path(folder), files=user_path(files))
            result = import_vectors(opened, request, progress)
        if as_json:
            print_json(asdict(result))
            return
        tell_warnings(f"{one.path}: {one.reason}" for one in result.refused)
        told = f"{result.added:,} images added, {result.known:,} known, {len(result.refused):,} refused"
        console.print(f"{told}; {result.checked} vectors were computed again and agree")
