"""`lookalike block add | list | remove`."""

from typing import Annotated

import typer

from lookalike.cli.help import command_group
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.cli.search import make_query
from lookalike.library import block as use_case
from lookalike.library.block import BlockRequest
from lookalike.library.opening import open_library

app = command_group(add_completion=False, help="Pictures that must not be shown, and their copies.")


@app.command("add")
def add(
    image: Annotated[str, typer.Argument(metavar="IMAGE_OR_ID", help="An image file, or the id of an indexed image.")],
    *,
    note: Annotated[str, typer.Option(help="Why, in words.")] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Block a picture and its copies: those in the library now, and those that come later."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        query = make_query(image, crop=None, top=1)
        content = query.content or opened.catalog.images.content(query.image_id or "")
        result = use_case.block_picture(opened, BlockRequest(content=content, name=image, note=note))
        if as_json:
            print_json({"id": result.image_id, "blocked": result.blocked, "notes": result.warnings})
            return
        tell_warnings(result.warnings)
        console.print(
            f"{result.image_id}: in the block list; {len(result.blocked):,} images of the library are blocked"
        )


@app.command("list")
def list_blocks(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the pictures that must not be shown."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        listed = use_case.list_blocks(opened)
        if as_json:
            print_json([{"id": one.image_id, "note": one.note, "created_at": one.created_at} for one in listed])
            return
        for one in listed:
            console.print(printable(f"{one.image_id}  {one.created_at:%Y-%m-%d}  {one.note}".rstrip()), soft_wrap=True)
        if not listed:
            console.print("The block list is empty: `lookalike block add IMAGE` blocks a picture and its copies.")


@app.command("remove")
def remove(
    image_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the picture, as `block list` shows it.")],
    *,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a picture out of the list; images that were blocked because of it stay blocked."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        use_case.unblock_picture(opened, image_id)
        if as_json:
            print_json({"removed": image_id})
        else:
            console.print(printable(f"{image_id}: no longer in the block list"), soft_wrap=True)
