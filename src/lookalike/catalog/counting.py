"""How much the catalog holds, and what in it could not be read."""

from sqlalchemy import Connection, FromClause, Table, func, select

from lookalike.catalog.images import SELECT_IMAGES
from lookalike.catalog.records import CatalogCounts
from lookalike.catalog.schema import (
    fingerprints,
    grades,
    images,
    interactions,
    queries,
    removed_images,
    sources,
    users,
    vectors,
)
from lookalike.types import WHOLE_IMAGE, InteractionKind, Visibility


def read_counts(connection: Connection) -> CatalogCounts:
    """All counts, of one moment."""
    by_visibility = dict.fromkeys((visibility.value for visibility in Visibility), 0)
    unreadable = public_readable = 0
    grouped = select(images.c.visibility, images.c.error.is_(None), func.count()).group_by(
        images.c.visibility, images.c.error.is_(None)
    )
    for visibility, readable, count in connection.execute(grouped):
        by_visibility[visibility] += count
        unreadable += 0 if readable else count
        public_readable += count if readable and visibility == Visibility.PUBLIC else 0
    failed = select(func.count()).select_from(sources).where(sources.c.error.is_not(None))
    live = sum(by_visibility.values())
    return CatalogCounts(
        live=live,
        readable=live - unreadable,
        unreadable=unreadable,
        public=by_visibility[Visibility.PUBLIC],
        public_readable=public_readable,
        private=by_visibility[Visibility.PRIVATE],
        blocked=by_visibility[Visibility.BLOCKED],
        sources=_count(connection, sources),
        unreadable_sources=connection.execute(failed).scalar_one(),
        vectors=_vectors(connection),
        users=_count(connection, users),
        interactions=_interactions(connection, simulated=False),
        simulated_interactions=_interactions(connection, simulated=True),
        grades=_count(connection, grades),
        queries=_count(connection, queries),
        removed=_count(connection, removed_images),
    )


def _count(connection: Connection, table: Table | FromClause) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _vectors(connection: Connection) -> dict[str, int]:
    of_model = vectors.c.fingerprint_number == fingerprints.c.number
    counted = (
        select(fingerprints.c.fingerprint, func.count(vectors.c.image_id).label("number"))
        .select_from(fingerprints.outerjoin(vectors, of_model & (vectors.c.region == WHOLE_IMAGE)))
        .group_by(fingerprints.c.fingerprint)
    )
    return {row.fingerprint: row.number for row in connection.execute(counted)}


def _interactions(connection: Connection, *, simulated: bool) -> dict[str, int]:
    counted = (
        select(interactions.c.kind, func.count().label("number"))
        .where(interactions.c.simulated.is_(simulated))
        .group_by(interactions.c.kind)
    )
    found = {row.kind: row.number for row in connection.execute(counted)}
    return {kind.value: found.get(kind.value, 0) for kind in InteractionKind}


def read_unreadable(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """(path, or id where there is none; reason) of what could not be read: paths first, then images."""
    paths = select(sources.c.path, sources.c.error).where(sources.c.error.is_not(None)).order_by(sources.c.id)
    found = [(path, error) for path, error in connection.execute(paths.limit(limit))]
    unreadable = SELECT_IMAGES.where(images.c.error.is_not(None)).order_by(images.c.uploaded_at, images.c.id)
    rows = connection.execute(unreadable.limit(limit - len(found)))
    found.extend((row.source or row.id, row.error) for row in rows)
    return found
