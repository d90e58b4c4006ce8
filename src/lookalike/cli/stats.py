"""`lookalike stats`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lookalike.assembly import Library, open_library
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    print_json,
    printable,
    settings_for,
)
from lookalike.snapshot import newest


def stats(
    *,
    library: LibraryOption = None,
    unreadable: Annotated[int, typer.Option(min=0, help="How many refused files to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Say what the library holds: images, vectors, the published index, disk space, refused files."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        document = _document(opened, unreadable)
        if as_json:
            print_json(document)
        else:
            _print(document)


def _document(library: Library, unreadable: int) -> dict[str, object]:
    settings = library.settings
    live = library.catalog.live_model()
    snapshot = newest(settings.snapshots, live.fingerprint) if live else None
    return {
        "library": str(settings.library),
        "model": asdict(live) if live else None,
        "sequence": library.catalog.sequence(),
        "snapshot": {
            "number": snapshot.manifest.number,
            "images": snapshot.manifest.size,
            "backend": snapshot.manifest.backend,
            "watermark": snapshot.manifest.watermark,
        }
        if snapshot
        else None,
        "counts": asdict(library.catalog.counts()),
        "bytes_on_disk": {part.name: _bytes_below(part) for part in sorted(settings.library.iterdir())},
        "refused": [{"path": path, "reason": reason} for path, reason in library.catalog.unreadable(unreadable)],
    }


def _bytes_below(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


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
    console.print(table)
    refused = document["refused"]
    if isinstance(refused, list) and refused:
        console.print("[bold]refused files[/]")
        for entry in refused:
            console.print(printable(f"  {entry['path']}: {entry['reason']}"), soft_wrap=True)
