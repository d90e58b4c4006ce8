"""Collections: named sets of images that somebody put together."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, delete, func, select, update

from lookalike.catalog.changing import chunks
from lookalike.catalog.images import SELECT_IMAGES, from_rows
from lookalike.catalog.records import is_image_id
from lookalike.catalog.schema import collection_images, collections, images
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError, UnknownImage
from lookalike.types import Image, Visibility

LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A named set of images.

    Attributes:
        name: of the collection.
        images: how many of its images are public and readable.
        created_at: when the first images were put into it.
    """

    name: str
    images: int
    created_at: datetime


def require_name(name: str) -> None:
    """Let the name of a collection through.

    Raises:
        CallerError: it is empty or too long, begins or ends with a space, or holds a comma, a slash, or what is not
            printed.
    """
    if not 0 < len(name) <= LONGEST_NAME or name != name.strip() or not name.isprintable() or {",", "/"} & set(name):
        raise CallerError(
            f"collection {name[:LONGEST_NAME]!a}: a name has 1 to {LONGEST_NAME} printable characters, no comma, no"
            " slash, and no space at its ends"
        )


def add_to_collection(
    connection: Connection, name: str, image_ids: Sequence[str], *, visibility: Visibility | None
) -> int:
    """Put images into a collection; see `Collections.add`."""
    require_name(name)
    _require_images(connection, image_ids, visibility)
    now = datetime.now(UTC)
    values = {"name": name, "version": _new_version(), "created_at": now}
    made = insert_into(connection, collections).values(values).on_conflict_do_nothing()
    connection.execute(made)
    rows = [{"collection": name, "image_id": one, "added_at": now} for one in sorted(set(image_ids))]
    if not rows:
        return 0
    added = insert_into(connection, collection_images).on_conflict_do_nothing()
    new = len(connection.execute(added.returning(collection_images.c.image_id), rows).all())
    _renew(connection, name)
    return new


def _require_images(connection: Connection, image_ids: Sequence[str], visibility: Visibility | None) -> None:
    known: set[str] = set()
    for chunk in chunks({one for one in image_ids if is_image_id(one)}):
        statement = select(images.c.id).where(images.c.id.in_(chunk))
        if visibility is not None:
            statement = statement.where(images.c.visibility == visibility.value)
        known.update(connection.execute(statement).scalars())
    unknown = next((one for one in image_ids if one not in known), None)
    if unknown is not None:
        raise UnknownImage.of(unknown)


def take_from_collection(connection: Connection, name: str, image_ids: Iterable[str]) -> int:
    """Take images out of a collection; see `Collections.remove`."""
    version_of(connection, name)
    taken = 0
    for chunk in chunks({one for one in image_ids if is_image_id(one)}):
        of_name = collection_images.c.collection == name
        taken += connection.execute(
            delete(collection_images).where(of_name, collection_images.c.image_id.in_(chunk))
        ).rowcount
    _renew(connection, name)
    return taken


def drop_collection(connection: Connection, name: str) -> None:
    """Forget a collection; see `Collections.drop`."""
    version_of(connection, name)
    connection.execute(delete(collection_images).where(collection_images.c.collection == name))
    connection.execute(delete(collections).where(collections.c.name == name))


def version_of(connection: Connection, name: str) -> str:
    """What changes with each change of a collection's images.

    Raises:
        CallerError: there is none of that name.
    """
    require_name(name)
    version = connection.execute(select(collections.c.version).where(collections.c.name == name)).scalar()
    if version is None:
        raise CallerError(f"collection {name!a}: there is none of this name")
    return str(version)


def member_ids(connection: Connection, name: str) -> list[str]:
    """Ids of the images in a collection, whether they are there and public or not."""
    statement = select(collection_images.c.image_id).where(collection_images.c.collection == name)
    return list(connection.execute(statement).scalars())


def read_collections(connection: Connection) -> list[Collection]:
    """Every collection, by name."""
    shown = and_(
        images.c.id == collection_images.c.image_id,
        images.c.visibility == Visibility.PUBLIC.value,
        images.c.error.is_(None),
    )
    counted = (
        select(collection_images.c.collection, func.count().label("images"))
        .join(images, shown)
        .group_by(collection_images.c.collection)
        .subquery()
    )
    statement = (
        select(collections.c.name, func.coalesce(counted.c.images, 0), collections.c.created_at)
        .outerjoin(counted, counted.c.collection == collections.c.name)
        .order_by(collections.c.name)
    )
    return [Collection(name=name, images=n, created_at=at) for name, n, at in connection.execute(statement)]


def read_images_of(connection: Connection, name: str, *, after: str, limit: int) -> list[Image]:
    """The next public, readable images of a collection in order of id; see `Collections.images`."""
    version_of(connection, name)
    statement = (
        SELECT_IMAGES.join(collection_images, collection_images.c.image_id == images.c.id)
        .where(
            collection_images.c.collection == name,
            images.c.id > after,
            images.c.visibility == Visibility.PUBLIC.value,
            images.c.error.is_(None),
        )
        .order_by(images.c.id)
        .limit(limit)
    )
    return from_rows(connection, connection.execute(statement).all())


def counts_among(connection: Connection, image_ids: Iterable[str]) -> Mapping[str, int]:
    """How many of those images are in each collection; the collections that have none of them are left out."""
    counts: dict[str, int] = {}
    for chunk in chunks({one for one in image_ids if is_image_id(one)}):
        statement = (
            select(collection_images.c.collection, func.count())
            .where(collection_images.c.image_id.in_(chunk))
            .group_by(collection_images.c.collection)
        )
        for name, count in connection.execute(statement):
            counts[name] = counts.get(name, 0) + count
    return counts


def _renew(connection: Connection, name: str) -> None:
    connection.execute(update(collections).where(collections.c.name == name).values(version=_new_version()))


def _new_version() -> str:
    return secrets.token_hex(8)
