"""`lookalike search IMAGE_OR_ID`."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.filters import FilterOptions
from lookalike.cli.option_groups import takes
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.cli.sheet import SheetRow, save_sheet
from lookalike.errors import CallerError, ImageRefused
from lookalike.library import search as use_case
from lookalike.library.opening import open_library
from lookalike.library.search import SearchResult
from lookalike.retrieval import MOST_NEIGHBORS, Facets, Query
from lookalike.settings import user_path
from lookalike.types import Box, Hit, Match

MATCH_WORDS = {
    Match.DUPLICATE: "Nearly the same",
    Match.VERY_CLOSE: "Very close",
    Match.CLOSE: "Close",
    Match.LOOSE: "Loosely related",
    Match.NONE: "Not close",
}
"""The page's words."""

_FACETS_SHOWN = 10
_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class SearchOptions(FilterOptions):
    """Arguments and options of `lookalike search`."""

    image: Annotated[str, typer.Argument(metavar="IMAGE_OR_ID", help="An image file, or the id of an indexed image.")]
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,W,H", help="Search by this part: pixels of the upright image, or fractions if all are <= 1."
        ),
    ] = None
    top: Annotated[int, typer.Option("--top", "-n", min=1, max=MOST_NEIGHBORS, help="Maximum number of hits.")] = 10
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare keypoints, and put first what shows the very same thing."),
    ] = False
    sheet: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Also draw the query and the hits.")] = None
    facets: Annotated[
        bool, typer.Option("--facets", help="Count tags, owners, orientations and collections of the hits.")
    ] = False
    library: LibraryOption = None
    as_json: JsonOption = False


@takes(SearchOptions)
def search(options: SearchOptions) -> None:
    """Find images that look like an image, or like the part of it given by --crop."""
    as_json = options.as_json
    with faults_are_told(as_json=as_json), open_library(settings_for(options.library)) as opened:
        crop = Box.parse(options.crop) if options.crop else None
        query = make_query(options.image, crop=crop, top=options.top)
        query = replace(query, verify=options.verify, filters=options.filters(), facets=options.facets)
        result = use_case.search(opened, query)
        sheet = options.sheet
        if sheet is not None:
            content = query.content or opened.catalog.images.content(query.image_id or "")
            sheet = user_path(sheet)
            save_sheet(
                sheet, [SheetRow(content=content, crop=result.answer.crop, hits=result)], opened.catalog.images.content
            )
        if as_json:
            print_json(as_document(result))
            return
        print_answer(result)
        if sheet is not None:
            console.print(printable(f"Contact sheet: {sheet}"), soft_wrap=True)


def make_query(image: str, *, crop: Box | None, top: int) -> Query:
    """The query that the command line describes.

    Raises:
        CallerError: there is no such file, and it is no id.
    """
    path = user_path(image)
    if _IMAGE_ID.fullmatch(image) and not path.exists():
        return Query.image(image, crop=crop, limit=top)
    try:
        return Query.picture(path, crop=crop, limit=top, name=image)
    except ImageRefused as refused:
        reason = f"{image}: cannot be read as a file ({refused.message}), and is not an image's id"
        raise CallerError(reason) from None


def print_answer(result: SearchResult) -> None:
    """A table of hits, closest first, with every path of each."""
    for warning in result.warnings:
        console.print(printable(warning), style="yellow", soft_wrap=True)
    if not result:
        console.print("No image can be found: the library is empty, or none meets the filters.")
    else:
        if result[0].match in {Match.LOOSE, Match.NONE}:
            console.print("No close match in this library – these are the nearest.")  # noqa: RUF001 - as the page
        console.print("     match            cosine  image", style="bold")
    for hit in result:
        behind = f"  (+{len(hit.duplicates)} the same)" if hit.duplicates else ""
        line = f"{hit.rank:>3}  {_match(hit):<15}  {hit.cosine:>6.3f}  {_place(hit, result)}{behind}"
        console.print(printable(line), soft_wrap=True)
        for copy in result.files[hit.image.id][1:]:
            console.print(printable(f"{'':>30}also {copy}"), soft_wrap=True)
    answer = result.answer
    if answer.facets is not None:
        _print_facets(answer.facets)
    if answer.reachable < answer.images:
        console.print(f"[dim]The nearest {answer.reachable:,} of {answer.images:,} images can be looked through.[/]")
    milliseconds = ", ".join(f"{stage} {spent:.0f} ms" for stage, spent in answer.milliseconds.items())
    console.print(f"[dim]generation {answer.generation}: {milliseconds}[/]")


def _print_facets(facets: Facets) -> None:
    for name, counts in asdict(facets).items():
        if isinstance(counts, dict) and counts:
            told = ", ".join(f"{value} {count:,}" for value, count in list(counts.items())[:_FACETS_SHOWN])
            console.print(printable(f"{name}: {told}"), style="dim", soft_wrap=True)


def as_document(result: SearchResult) -> dict[str, object]:
    """An answer for programs."""
    answer = result.answer
    return {
        "query_id": answer.query_id,
        "generation": answer.generation,
        "total": answer.total,
        "complete": answer.complete,
        "images": answer.images,
        "reachable": answer.reachable,
        "milliseconds": {stage: round(spent, 3) for stage, spent in answer.milliseconds.items()},
        "notes": result.warnings,
        "facets": asdict(answer.facets) if answer.facets else None,
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.image.id,
                "source": next(iter(result.files[hit.image.id]), None),
                "sources": result.files[hit.image.id],
                "cosine": hit.cosine,
                "closeness": hit.closeness,
                "match": hit.match.value,
                "duplicates": hit.duplicates,
                "same_thing": asdict(hit.same_thing) if hit.same_thing else None,
            }
            for hit in result
        ],
    }


def _match(hit: Hit) -> str:
    """In words; what looks nearly the same says so even where its details were compared, too."""
    return "The same thing" if hit.same_thing and hit.match is not Match.DUPLICATE else MATCH_WORDS[hit.match]


def _place(hit: Hit, result: SearchResult) -> str:
    return next(iter(result.files[hit.image.id]), f"upload {hit.image.upload_name or hit.image.id}")
