"""Where images were seen: one row a path."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.images import bury_abandoned
from lookalike.catalog.records import SourceFailure, SourceFile, SourceState
from lookalike.catalog.schema import images, sources


def read_sources(connection: Connection, under: str) -> dict[str, SourceState]:
    """What was seen at `under` itself and at every path below it."""
    folder = under.rstrip(os.sep) + os.sep
    after_folder = folder[: -len(os.sep)] + chr(ord(os.sep) + 1)  # the first text above all that begins with `folder`
    error = func.coalesce(sources.c.error, images.c.error)
    deleted = sources.c.image_id.is_not(None) & images.c.id.is_(None)
    statement = (
        select(sources.c.path, sources.c.byte_count, sources.c.modified_ns, sources.c.image_id, error, deleted)
        .select_from(sources.outerjoin(images, images.c.id == sources.c.image_id))
        .where(or_(sources.c.path == under, (sources.c.path >= folder) & (sources.c.path < after_folder)))
        .order_by(sources.c.path)
    )
    return {
        path: SourceState(byte_count, modified_ns, image_id, error, deleted=bool(deleted))
        for path, byte_count, modified_ns, image_id, error, deleted in connection.execute(statement)
    }


def paths_of(connection: Connection, image_id: str) -> list[SourceFile]:
    """The paths an image was seen at, the first seen first."""
    statement = (
        select(sources.c.path, sources.c.byte_count, sources.c.modified_ns)
        .where(sources.c.image_id == image_id)
        .order_by(sources.c.id)
    )
    return [
        SourceFile(path=path, byte_count=byte_count, modified_ns=modified_ns)
        for path, byte_count, modified_ns in connection.execute(statement)
    ]


def read_image_ids(connection: Connection, paths: Iterable[str]) -> dict[str, str]:
    """The id of the image last seen at each of those paths, where one was."""
    asked = dict.fromkeys(paths)
    known = _known(connection, asked)
    return {path: image_id for path in asked if (image_id := known.get(path_hash(path)))}


def write_sources(changing: Changing, seen: Mapping[str, tuple[SourceFile, str]]) -> tuple[set[str], set[str]]:
    """Record which image is at each path.

    Args:
        changing: the transaction.
        seen: (the file, its image's id) by path.

    Returns:
        The ids of images that were at one of these paths before and are there no more; and of the live ones among them
        and among those that are now at a path where they were not, which may go by another path now.
    """
    known = _known(changing.connection, seen)
    rows = [
        {
            "path_hash": path_hash(path),
            "path": path,
            "image_id": image_id,
            "byte_count": file.byte_count,
            "modified_ns": file.modified_ns,
            "error": None,
        }
        for path, (file, image_id) in seen.items()
    ]
    nameless = {image_id for _, image_id in seen.values()} - _sourced(changing.connection, seen)
    _write(changing, rows, known)
    before = {path: known[path_hash(path)] for path in seen if path_hash(path) in known}
    lost = {image_id for path, image_id in before.items() if image_id is not None and image_id != seen[path][1]}
    gained = {seen[path][1] for path, image_id in before.items() if image_id != seen[path][1]}
    return lost, _live(changing.connection, lost | gained | nameless)


def write_failures(changing: Changing, failures: Sequence[SourceFailure]) -> None:
    """Record paths that could not be read; an image that was seen there before keeps its source as it was seen.

    A disk that is away for a moment must not cost the vectors of all that is on it; and a file whose new bytes nobody
    has read keeps its old size and time, so that it is read at the next run and its bytes pass for nothing until then.
    """
    latest = {failure.path: failure for failure in failures}
    known = _known(changing.connection, latest)
    new = [failure for failure in latest.values() if known.get(path_hash(failure.path)) is None]
    rows = [
        {
            "path_hash": path_hash(failure.path),
            "path": failure.path,
            "image_id": None,
            "byte_count": failure.byte_count,
            "modified_ns": failure.modified_ns,
            "error": failure.error,
        }
        for failure in new
    ]
    _write(changing, rows, known)
    held = [failure for failure in latest.values() if known.get(path_hash(failure.path)) is not None]
    explain = update(sources).where(sources.c.path_hash == bindparam("key")).values(error=bindparam("new_error"))
    changing.execute_many(explain, [{"key": path_hash(failure.path), "new_error": failure.error} for failure in held])


def forget(changing: Changing, paths: Iterable[str]) -> int:
    """Drop those paths; the number of images that were nowhere else and are therefore deleted."""
    hashes = [path_hash(path) for path in dict.fromkeys(paths)]
    image_ids: set[str] = set()
    for chunk in chunks(hashes):
        among = sources.c.path_hash.in_(chunk)
        found = changing.connection.execute(select(sources.c.image_id).where(among)).scalars()
        image_ids.update(image_id for image_id in found if image_id is not None)
        changing.connection.execute(delete(sources).where(among))
    changing.touch(_live(changing.connection, image_ids))  # those that stay may be called by another of their paths now
    return bury_abandoned(changing, image_ids)


def path_hash(path: str) -> bytes:
    """The key of a path: 16 bytes of the SHA-256 of its bytes."""
    return hashlib.sha256(os.fsencode(path)).digest()[:16]


def _sourced(connection: Connection, seen: Mapping[str, tuple[SourceFile, str]]) -> set[str]:
    """The images among them that have a path already: a further one, written later, does not rename them."""
    found: set[str] = set()
    for chunk in chunks({image_id for _, image_id in seen.values()}):
        found.update(connection.execute(select(sources.c.image_id).where(sources.c.image_id.in_(chunk))).scalars())
    return found


def _live(connection: Connection, image_ids: Iterable[str]) -> set[str]:
    live: set[str] = set()
    for chunk in chunks(image_ids):
        live.update(connection.execute(select(images.c.id).where(images.c.id.in_(chunk))).scalars())
    return live


def _known(connection: Connection, paths: Iterable[str]) -> dict[bytes, str | None]:
    """The image id at each path that has a row, by path hash."""
    known: dict[bytes, str | None] = {}
    for chunk in chunks(path_hash(path) for path in paths):
        statement = select(sources.c.path_hash, sources.c.image_id).where(sources.c.path_hash.in_(chunk))
        known.update((bytes(key), image_id) for key, image_id in connection.execute(statement))
    return known


def _write(changing: Changing, rows: Sequence[dict[str, Any]], known: Mapping[bytes, str | None]) -> None:
    changing.execute_many(insert(sources), [row for row in rows if row["path_hash"] not in known])
    changed = (
        update(sources)
        .where(sources.c.path_hash == bindparam("key"))
        .values(
            image_id=bindparam("new_image_id"),
            byte_count=bindparam("new_byte_count"),
            modified_ns=bindparam("new_modified_ns"),
            error=bindparam("new_error"),
        )
    )
    changing.execute_many(
        changed,
        [
            {
                "key": row["path_hash"],
                "new_image_id": row["image_id"],
                "new_byte_count": row["byte_count"],
                "new_modified_ns": row["modified_ns"],
                "new_error": row["error"],
            }
            for row in rows
            if row["path_hash"] in known
        ],
    )
