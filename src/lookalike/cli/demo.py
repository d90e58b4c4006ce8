"""`lookalike demo`: pictures, an index, one search, a contact sheet, the page."""

import hashlib
import os
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.index import print_report
from lookalike.cli.models import pull_with_progress
from lookalike.cli.output import (
    ExitCode,
    LibraryOption,
    console,
    default_of,
    faults_are_told,
    messages,
    printable,
    settings_for,
    stop,
)
from lookalike.cli.progress import IndexProgress
from lookalike.cli.samples import fetch_samples
from lookalike.cli.search import print_answer
from lookalike.cli.serve import serve_library
from lookalike.cli.sheet import SheetRow, save_sheet
from lookalike.embedding import describe_models
from lookalike.errors import CallerError
from lookalike.library.index import IndexRequest, index
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.library.search import search
from lookalike.reranking import visible
from lookalike.retrieval import Query
from lookalike.settings import default_library, user_path
from lookalike.types import Image

_SAMPLE_QUERIES = ("sheep", "deer", "rabbit", "pig", "rhinoceros", "automobile", "red-apple", "guitar")
_ROWS = 8
_HITS = 10


def demo(
    images: Annotated[
        Path | None, typer.Argument(metavar="[IMAGES]", help="Your own folder (default: sample images are downloaded).")
    ] = None,
    *,
    library: LibraryOption = None,
    model: Annotated[str, typer.Option(help="The model to index with.")] = "efficientnet-lite0",
    sheet: Annotated[Path, typer.Option(metavar="OUT.png", help="File for the contact sheet.")] = Path(
        "demo-sheet.png"
    ),
    serving: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the page at the end.")] = True,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help=f"Port of the page. {default_of('port')}")] = None,
) -> None:
    """Try lookalike: index a folder of pictures, print one search, draw a contact sheet, serve the page."""
    with faults_are_told(as_json=False):
        settings = settings_for(library, port=port)
        if images is None and settings.library == default_library():  # the samples are not to mix with one's own
            settings = settings_for(settings.library.with_name("demo-library"), port=port)
        if not any(status.pulled for status in describe_models(settings.models) if status.description.name == model):
            messages.print(f"Pulling the model {model} ...")
            pull_with_progress(model, quiet=False)
        folder = user_path(images) if images is not None else fetch_samples(tell=messages.print)
        with open_library(settings, create=True) as opened:
            with IndexProgress(messages) as progress:
                report = index(opened, IndexRequest(paths=[folder], model=model), progress).report
            print_report(report)
        if report.interrupted:
            stop(ExitCode.INTERRUPTED)
        with open_library(settings) as opened:
            _show(opened, folder, sheet)
            if serving:
                serve_library(opened)


def _show(library: LibraryParts, folder: Path, sheet: Path) -> None:
    queries = _queries(library, folder)
    if not queries:
        raise CallerError(f"{folder}: no image in it could be read, so there is nothing to show")
    rows = []
    for place, image in enumerate(queries):
        result = search(library, Query.image(image.id, limit=_HITS))
        rows.append(SheetRow(content=library.catalog.images.content(image.id), crop=None, hits=result))
        if place == 0:
            console.print("\nWhat looks like ", printable(Path(image.source or image.id).name), ":", sep="")
            print_answer(result)
    sheet = user_path(sheet)
    save_sheet(sheet, rows, library.catalog.images.content)
    console.print(printable(f"Contact sheet of {len(rows)} searches: {sheet}"), soft_wrap=True)
    console.print()


def _queries(library: LibraryParts, folder: Path) -> list[Image]:
    """The sample queries, or some of the user's own images: always the same ones."""
    prefix = os.path.abspath(folder)  # noqa: PTH100 - as the index run names it
    known = library.catalog.sources.below(prefix)
    by_name = {Path(path).name.split(".")[0]: state.image_id for path, state in known.items() if not state.error}
    wanted = [by_name[name] for name in _SAMPLE_QUERIES if by_name.get(name)]
    others = sorted((i for i in by_name.values() if i), key=lambda i: hashlib.sha256(i.encode()).digest())
    ids = [i for i in islice(wanted or others, _ROWS) if i]
    found = library.catalog.images.get_many(ids)
    return list(visible(found[i] for i in ids if i in found).values())
