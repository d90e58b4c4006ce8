"""Folders and files that were indexed by name, and those that are not to be looked at again."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, case, delete, distinct, func, select

from lookalike.catalog.changing import chunks
from lookalike.catalog.records import IndexedFolder
from lookalike.catalog.schema import folders, images, sources
from lookalike.catalog.sources import at_or_below, path_hash
from lookalike.catalog.upserting import insert_into


def write_runs(connection: Connection, paths: Iterable[str]) -> None:
    """Record that those were just indexed; what was forgotten at or below one of them is looked at again."""
    _write(connection, paths, forgotten=False)


def write_forgotten(connection: Connection, path: str, *, leave_out: bool) -> None:
    """Drop what is recorded of folders at and below a path; record, if asked, that runs above it leave it out."""
    connection.execute(delete(folders).where(at_or_below(path, folders.c.path)))
    if leave_out:
        _write(connection, [path], forgotten=True)


def _write(connection: Connection, paths: Iterable[str], *, forgotten: bool) -> None:
    now = datetime.now(UTC)
    rows = [
        {"path_hash": path_hash(path), "path": path, "forgotten": forgotten, "last_run_at": now}
        for path in sorted(set(paths))
    ]
    added = insert_into(connection, folders)
    latest = {name: added.excluded[name] for name in ("forgotten", "last_run_at")}
    if rows:
        connection.execute(added.on_conflict_do_update(index_elements=[folders.c.path_hash], set_=latest), rows)


def remove(connection: Connection, paths: Iterable[str]) -> None:
    """Drop what is recorded of those folders themselves."""
    for chunk in chunks(path_hash(path) for path in paths):
        connection.execute(delete(folders).where(folders.c.path_hash.in_(chunk)))


def read_forgotten(connection: Connection) -> list[str]:
    """The paths that are not to be looked at again."""
    statement = select(folders.c.path).where(folders.c.forgotten.is_(True)).order_by(folders.c.path)
    return list(connection.execute(statement).scalars())


def read_names(connection: Connection) -> list[str]:
    """The paths that were indexed by name."""
    statement = select(folders.c.path).where(folders.c.forgotten.is_(False)).order_by(folders.c.path)
    return list(connection.execute(statement).scalars())


def read_indexed(connection: Connection) -> list[IndexedFolder]:
    """Every folder that was indexed by name, and the folders of files that an earlier version indexed, by path."""
    statement = select(folders.c.path, folders.c.last_run_at).where(folders.c.forgotten.is_(False))
    indexed: dict[str, datetime | None] = {row.path: row.last_run_at for row in connection.execute(statement)}
    indexed |= dict.fromkeys(_unnamed(connection, list(indexed)))
    return [_counted(connection, path, indexed[path]) for path in sorted(indexed)]


def _unnamed(connection: Connection, indexed: list[str]) -> list[str]:
    """The topmost folders that hold files directly, of files below none of those that were indexed by name."""
    statement = select(sources.c.path).where(*(~at_or_below(path) for path in indexed)).order_by(sources.c.path)
    holding = sorted({os.path.dirname(path) for path in connection.execute(statement).scalars()})  # noqa: PTH120
    topmost: list[str] = []
    for folder in holding:
        if not any(folder.startswith(above.rstrip(os.sep) + os.sep) for above in topmost):
            topmost.append(folder)
    return topmost


def _counted(connection: Connection, path: str, last_run_at: datetime | None) -> IndexedFolder:
    missing = sources.c.missing_since.is_not(None)
    refused = and_(~missing, func.coalesce(sources.c.error, images.c.error).is_not(None))
    statement = (
        select(
            func.count(distinct(case((images.c.error.is_(None), images.c.id)))),
            _number_where(missing),
            _number_where(refused),
        )
        .select_from(sources.outerjoin(images, images.c.id == sources.c.image_id))
        .where(at_or_below(path))
    )
    found, away, not_read = connection.execute(statement).one()
    return IndexedFolder(path=path, images=found, missing=away, refused=not_read, last_run_at=last_run_at)


def _number_where(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
