"""Where images were seen: one row a path."""

import hashlib
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, or_, select, update

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.images import bury_abandoned
from lookalike.catalog.records import SourceFailure, SourceFile, SourceState
from lookalike.catalog.schema import images, sources


class SeenFile(NamedTuple):
    """A file, the id of the image in it, and what its refusal depends on, if it is none."""

    file: SourceFile
    image_id: str
    refused_under: str | None = None


_DESCRIPTION = ("path", "byte_count", "modified_ns", "changed_ns", "inode", "device")


def at_or_below(path: str, column: ColumnElement[str] = sources.c.path) -> ColumnElement[bool]:
    """Whether a row is of that path, or of one below it."""
    folder = path.rstrip(os.sep) + os.sep
    after_folder = folder[: -len(os.sep)] + chr(ord(os.sep) + 1)  # the first text above all that begins with `folder`
    return or_(column == path, (column >= folder) & (column < after_folder))


def read_sources(connection: Connection, under: str) -> dict[str, SourceState]:
    """What was seen at `under` itself and at every path below it."""
    columns = (
        sources.c.path,
        sources.c.byte_count,
        sources.c.modified_ns,
        sources.c.image_id,
        func.coalesce(sources.c.error, images.c.error),
        sources.c.image_id.is_not(None) & images.c.id.is_(None),
        sources.c.changed_ns,
        sources.c.inode,
        sources.c.device,
        sources.c.refused_under,
        sources.c.missing_since.is_not(None),
    )
    statement = (
        select(*columns)
        .select_from(sources.outerjoin(images, images.c.id == sources.c.image_id))
        .where(at_or_below(under))
        .order_by(sources.c.path)
    )
    return {path: SourceState(*state) for path, *state in connection.execute(statement)}


def paths_of(connection: Connection, image_ids: Iterable[str]) -> dict[str, list[SourceFile]]:
    """The paths each image was seen at: those the last run found first, then by when they were first seen."""
    found: dict[str, list[SourceFile]] = {}
    for chunk in chunks(image_ids):
        statement = (
            select(sources.c.image_id, *(sources.c[name] for name in _DESCRIPTION))
            .where(sources.c.image_id.in_(chunk))
            .order_by(sources.c.missing_since.is_not(None), sources.c.id)
        )
        for image_id, *described in connection.execute(statement):
            file = SourceFile(**dict(zip(_DESCRIPTION, described, strict=True)))
            found.setdefault(image_id, []).append(file)
    return found


def read_copies_elsewhere(connection: Connection, under: str) -> list[tuple[SourceFile, str]]:
    """The paths that are not below `under` of images that are also seen below it, with the images' ids."""
    here = select(sources.c.image_id).where(at_or_below(under), sources.c.image_id.is_not(None))
    statement = (
        select(sources.c.image_id, *(sources.c[name] for name in _DESCRIPTION))
        .where(sources.c.image_id.in_(here), ~at_or_below(under))
        .order_by(sources.c.path)
    )
    return [
        (SourceFile(**dict(zip(_DESCRIPTION, described, strict=True))), image_id)
        for image_id, *described in connection.execute(statement)
    ]


def sample(connection: Connection, count: int, *, seed: int) -> list[tuple[SourceFile, str]]:
    """(file, image id) of at most so many files that are not missing, drawn at random."""
    known = select(sources.c.id).where(sources.c.image_id.is_not(None), sources.c.missing_since.is_(None))
    numbers = list(connection.execute(known.order_by(sources.c.id)).scalars())
    drawn = random.Random(seed).sample(numbers, min(count, len(numbers)))  # noqa: S311 - nothing secret
    found: list[tuple[SourceFile, str]] = []
    for chunk in chunks(sorted(drawn)):
        statement = select(sources.c.image_id, *(sources.c[name] for name in _DESCRIPTION))
        for image_id, *described in connection.execute(statement.where(sources.c.id.in_(chunk))):
            found.append((SourceFile(**dict(zip(_DESCRIPTION, described, strict=True))), image_id))
    return found


def read_image_ids(connection: Connection, paths: Iterable[str]) -> dict[str, str]:
    """The id of the image last seen at each of those paths, where one was."""
    asked = dict.fromkeys(paths)
    known = _known(connection, asked)
    return {path: image_id for path in asked if (image_id := known.get(path_hash(path)))}


@dataclass(frozen=True, slots=True)
class SourceChanges:
    """What recording files changed for images.

    Attributes:
        replaced: (id of the image that was at a path before, id of the one that is there now), where they differ.
        renamed: ids of live images that may go by another path now.
    """

    replaced: list[tuple[str, str]]
    renamed: set[str]

    @property
    def lost(self) -> set[str]:
        """The ids of images that lost a path."""
        return {before for before, _ in self.replaced}


def write_sources(changing: Changing, seen: Mapping[str, SeenFile]) -> SourceChanges:
    """Record which image is at each path.

    Args:
        changing: the transaction.
        seen: by path.
    """
    known = _known(changing.connection, seen)
    rows = [
        {
            "path_hash": path_hash(path),
            "image_id": image_id,
            "error": None,
            "refused_under": refused_under,
            "missing_since": None,
            **{name: getattr(file, name) for name in _DESCRIPTION},
        }
        for path, (file, image_id, refused_under) in seen.items()
    ]
    nameless = {one.image_id for one in seen.values()} - _sourced(changing.connection, seen)
    _write(changing, rows, known)
    before = {path: known[path_hash(path)] for path in seen if path_hash(path) in known}
    replaced = [
        (image_id, seen[path].image_id)
        for path, image_id in before.items()
        if image_id is not None and image_id != seen[path].image_id
    ]
    lost = {image_id for image_id, _ in replaced}
    gained = {seen[path].image_id for path, image_id in before.items() if image_id != seen[path].image_id}
    return SourceChanges(replaced, _live(changing.connection, lost | gained | nameless))


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
            "refused_under": None,
            "missing_since": None,
            "changed_ns": None,
            "inode": None,
            "device": None,
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


def note_unchanged(changing: Changing, files: Sequence[SourceFile]) -> None:
    """Record how known files look now, whose bytes are taken to be the same, and that they are not missing."""
    columns = ("changed_ns", "inode", "device")
    noted = (
        update(sources)
        .where(sources.c.path_hash == bindparam("key"))
        .values({"missing_since": None} | {n: bindparam(f"new_{n}", type_=sources.c[n].type) for n in columns})
    )
    keys = {file.path: path_hash(file.path) for file in files}
    found_again = _renamed_by_missing(changing.connection, keys.values(), missing=True)
    rows = [{"key": keys[file.path]} | {f"new_{name}": getattr(file, name) for name in columns} for file in files]
    changing.execute_many(noted, rows)
    changing.touch(found_again)


def note_missing(changing: Changing, paths: Iterable[str]) -> None:
    """Record that files were not found, since when, and that what is known of them was kept."""
    keys = [path_hash(path) for path in dict.fromkeys(paths)]
    lost = _renamed_by_missing(changing.connection, keys, missing=False)
    now = datetime.now(UTC)
    for chunk in chunks(keys):
        noted = update(sources).where(sources.c.path_hash.in_(chunk), sources.c.missing_since.is_(None))
        changing.connection.execute(noted.values(missing_since=now))
    changing.touch(lost)


def _renamed_by_missing(connection: Connection, keys: Iterable[bytes], *, missing: bool) -> set[str]:
    """The live images of those paths that have another path too, so that they may be called by another one now."""
    found: set[str] = set()
    for chunk in chunks(keys):
        at_paths = select(sources.c.image_id).where(
            sources.c.path_hash.in_(chunk), sources.c.missing_since.is_not(None) == missing
        )
        several = (
            select(sources.c.image_id)
            .where(sources.c.image_id.in_(at_paths))
            .group_by(sources.c.image_id)
            .having(func.count() > 1)
        )
        found.update(connection.execute(several).scalars())
    return _live(connection, found)


def distrust(connection: Connection, paths: Iterable[str]) -> None:
    """Have those files read again by the next run: they hold other bytes than those that were indexed."""
    for chunk in chunks(path_hash(path) for path in paths):
        connection.execute(update(sources).where(sources.c.path_hash.in_(chunk)).values(modified_ns=-1))


def count_abandoned(connection: Connection, under: str) -> tuple[int, int]:
    """How many paths there are at or below one, and how many live images would be nowhere without them."""
    paths = connection.execute(select(func.count()).select_from(sources).where(at_or_below(under))).scalar_one()
    here = select(sources.c.image_id).where(at_or_below(under), sources.c.image_id.is_not(None))
    elsewhere = exists().where(sources.c.image_id == images.c.id, ~at_or_below(under)).correlate(images)
    abandoned = select(func.count()).select_from(images)
    abandoned = abandoned.where(images.c.id.in_(here), images.c.has_upload.is_(False), ~elsewhere)
    return paths, connection.execute(abandoned).scalar_one()


def path_hash(path: str) -> bytes:
    """The key of a path: 16 bytes of the SHA-256 of its bytes."""
    return hashlib.sha256(os.fsencode(path)).digest()[:16]


def _sourced(connection: Connection, seen: Mapping[str, SeenFile]) -> set[str]:
    """The images among them that have a path already: a further one, written later, does not rename them."""
    found: set[str] = set()
    for chunk in chunks({one.image_id for one in seen.values()}):
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
    columns = [name for name in rows[0] if name not in {"path_hash", "path"}] if rows else []
    changed = (
        update(sources)
        .where(sources.c.path_hash == bindparam("key"))
        .values({name: bindparam(f"new_{name}", type_=sources.c[name].type) for name in columns})
    )
    changing.execute_many(
        changed,
        [
            {"key": row["path_hash"]} | {f"new_{name}": row[name] for name in columns}
            for row in rows
            if row["path_hash"] in known
        ],
    )
