"""`lookalike collections list | add | show | remove | delete`."""

from typing import Annotated, Any

import typer

from lookalike.catalog import Collection
from lookalike.cli.help import command_group
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    plain_table,
    print_json,
    printable,
    settings_for,
)
from lookalike.library import collections as use_case
from lookalike.library.collections import CollectionChange
from lookalike.library.opening import open_library

app = command_group(add_completion=False, help="Named sets of images that `search --collection` is limited to.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the collection.")]
ImagesArgument = Annotated[list[str], typer.Argument(metavar="ID|FILE...", help="Ids or files of indexed images.")]
_AT_ONCE = 1_000


@app.command("list")
def list_collections(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the collections of the library."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        found = use_case.list_collections(opened)
        if as_json:
            print_json([_document(one) for one in found])
        elif not found:
            console.print("There are no collections here: `lookalike collections add NAME IMAGE...` makes one.")
        else:
            table = plain_table("name", "images")
            for one in found:
                table.add_row(printable(one.name), f"{one.images:,}")
            console.print_table(table)


@app.command("add")
def add(
    name: NameArgument, images: ImagesArgument, *, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """Put images into a collection, which is made where there is none."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        _tell(use_case.add_to_collection(opened, name, images), "added", as_json=as_json)


@app.command("remove")
def remove(
    name: NameArgument, images: ImagesArgument, *, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """Take images out of a collection; they stay in the library."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        _tell(use_case.remove_from_collection(opened, name, images), "removed", as_json=as_json)


@app.command("delete")
def delete(name: NameArgument, *, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Forget a collection; its images stay in the library."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        use_case.delete_collection(opened, name)
        if as_json:
            print_json({"deleted": name})
        else:
            console.print(printable(f"{name}: deleted; its images stay in the library"), soft_wrap=True)


@app.command("show")
def show(name: NameArgument, *, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the public images of a collection."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        found: list[dict[str, Any]] = []
        after = ""
        while page := opened.catalog.collections.images(name, after=after, limit=_AT_ONCE):
            found += [{"id": one.id, "source": one.source, "tags": one.tags} for one in page]
            after = page[-1].id
        if as_json:
            print_json(found)
        for one in [] if as_json else found:
            console.print(printable(f"{one['id']}  {one['source'] or 'upload'}"), soft_wrap=True)


def _document(collection: Collection) -> dict[str, Any]:
    return {"name": collection.name, "images": collection.images, "created_at": collection.created_at}


def _tell(change: CollectionChange, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": change.name, what: change.changed, "images": change.images})
    else:
        console.print(
            printable(f"{change.name}: {change.changed:,} {what}; {change.images:,} public images are in it now"),
            soft_wrap=True,
        )
