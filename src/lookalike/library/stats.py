"""What a library holds, in numbers."""

from dataclasses import asdict
from pathlib import Path

from lookalike.catalog import LiveModel
from lookalike.durable import bytes_below
from lookalike.library.parts import LibraryParts
from lookalike.snapshot import find_choice, newest


def library_stats(library: LibraryParts, *, unreadable: int = 20) -> dict[str, object]:
    """What the library holds: model, index, counts, bytes on disk, and so many of the refused files."""
    settings = library.settings
    live = library.catalog.models.live()
    notes: list[str] = []
    snapshot = newest(settings.snapshots, live.fingerprint, catalog=library.catalog, problems=notes) if live else None
    return {
        "library": str(settings.library),
        "model": asdict(live) if live else None,
        "sequence": library.catalog.changes.sequence(),
        "snapshot": {
            "number": snapshot.manifest.number,
            "images": snapshot.manifest.size,
            "backend": snapshot.manifest.backend,
            "watermark": snapshot.manifest.watermark,
            "recall_at_10": snapshot.manifest.recall_at_10,
        }
        if snapshot
        else None,
        "notes": " ".join(f"{note}." for note in notes),
        "index_choice": _choice(library, live, snapshot.manifest.size if snapshot else 0),
        "counts": asdict(library.catalog.counts()),
        "bytes_on_disk": _bytes_on_disk(settings.library),
        "refused": [{"path": path, "reason": reason} for path, reason in library.catalog.unreadable(unreadable)],
    }


def _choice(library: LibraryParts, live: LiveModel | None, size: int) -> dict[str, object] | None:
    """What `lookalike tune` chose, and what is to be said about it now."""
    if live is None:
        return None
    found = find_choice(library.index_choice, fingerprint=live.fingerprint, size=size)
    said: dict[str, object] = {"note": " ".join(found.notes)} if found.notes else {}
    if found.choice is not None:
        promise = found.choice.promise
        said = {
            "backend": found.choice.backend,
            "recall_at_10": promise.recall_at_10,
            "bytes_in_memory": promise.bytes_in_memory,
            "bytes_mapped": promise.bytes_mapped,
            "images": found.choice.size,
            "chosen_at": found.choice.chosen_at,
            **said,
        }
    return said or None


def _bytes_on_disk(library: Path) -> dict[str, int]:
    """By part. A library whose catalog is in PostgreSQL has no folder until something is kept in it."""
    parts = sorted(library.iterdir()) if library.is_dir() else []
    return {part.name: bytes_below(part) for part in parts}
