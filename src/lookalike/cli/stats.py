"""`lookalike stats`."""

from typing import Annotated

import typer
from rich.table import Table

from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.library.opening import open_library
from lookalike.library.stats import library_stats


def stats(
    *,
    library: LibraryOption = None,
    unreadable: Annotated[int, typer.Option(min=0, help="Maximum number of refused files to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Say what the library holds: images, vectors, the published index, disk space, refused files."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        document = library_stats(opened, unreadable=unreadable)
        if as_json:
            print_json(document)
        else:
            _print(document)


def _print(document: dict[str, object]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in document.items():
        if isinstance(value, dict):
            table.add_row(name, "")
            for part, count in value.items():
                table.add_row(f"  {part}", printable(f"{count:,}" if isinstance(count, int) else str(count)))
        elif not isinstance(value, list):
            table.add_row(name, printable(str(value)))
    console.print_table(table)
    refused = document["refused"]
    if isinstance(refused, list) and refused:
        console.print("[bold]refused files[/]")
        for entry in refused:
            console.print(printable(f"  {entry['path']}: {entry['reason']}"), soft_wrap=True)
