"""The bin: images whose last file is gone, with their tags, owner, visibility and vectors, until they come back."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists, insert, literal, or_, select, union_all

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.records import KnownImage
from lookalike.catalog.schema import (
    fingerprints,
    image_tags,
    images,
    removed_images,
    removed_tags,
    removed_vectors,
    tombstones,
    vectors,
)
from lookalike.columns import COLUMNS, rows_of
from lookalike.types import Visibility

_RECORD = tuple(column.name for column in removed_images.c if column.name != "removed_at")


def keep(changing: Changing, image_ids: Iterable[str]) -> None:
    """Copy those live images into the bin; whoever calls buries them in the same transaction."""
    now = literal(datetime.now(UTC), removed_images.c.removed_at.type)
    for chunk in chunks(sorted(image_ids)):
        changing.connection.execute(delete(removed_images).where(removed_images.c.id.in_(chunk)))
        records = select(*(images.c[name] for name in _RECORD), now).where(images.c.id.in_(chunk))
        changing.connection.execute(insert(removed_images).from_select([*_RECORD, "removed_at"], records))
        tags = select(image_tags.c.image_id, image_tags.c.position, image_tags.c.tag)
        tags = tags.where(image_tags.c.image_id.in_(chunk))
        changing.connection.execute(insert(removed_tags).from_select(["image_id", "position", "tag"], tags))
        columns = ["fingerprint_number", "image_id", "region", "vector"]
        rows = select(*(vectors.c[name] for name in columns)).where(vectors.c.image_id.in_(chunk))
        changing.connection.execute(insert(removed_vectors).from_select(columns, rows))


def read_ids(connection: Connection, image_ids: Iterable[str]) -> set[str]:
    """Those of them that are in the bin."""
    found: set[str] = set()
    for chunk in chunks(image_ids):
        in_bin = select(removed_images.c.id).where(removed_images.c.id.in_(chunk))
        found.update(connection.execute(in_bin).scalars())
    return found


def take_back(changing: Changing, image_ids: Iterable[str]) -> set[str]:
    """Make those of them that are in the bin live again, as they were; their ids."""
    found = read_ids(changing.connection, image_ids)
    ordered = sorted(found)
    for chunk in chunks(ordered):
        changing.connection.execute(delete(tombstones).where(tombstones.c.image_id.in_(chunk)))
        for image_id, number in zip(chunk, changing.take(len(chunk)), strict=True):
            record = select(
                *(removed_images.c[name] for name in _RECORD),
                literal(False, images.c.has_upload.type),
                literal(number, images.c.sequence.type),
            ).where(removed_images.c.id == image_id)
            changing.connection.execute(insert(images).from_select([*_RECORD, "has_upload", "sequence"], record))
        _take_back_what_belongs(changing, chunk)
        changing.connection.execute(delete(removed_images).where(removed_images.c.id.in_(chunk)))
    return found


def _take_back_what_belongs(changing: Changing, image_ids: Collection[str]) -> None:
    tags = (
        select(removed_tags.c.image_id, removed_tags.c.position, removed_tags.c.tag, removed_images.c.uploaded_at)
        .join(removed_images, removed_images.c.id == removed_tags.c.image_id)
        .where(removed_tags.c.image_id.in_(image_ids))
    )
    changing.connection.execute(insert(image_tags).from_select(["image_id", "position", "tag", "uploaded_at"], tags))
    columns = ["fingerprint_number", "image_id", "region", "vector"]
    rows = select(*(removed_vectors.c[name] for name in columns)).where(removed_vectors.c.image_id.in_(image_ids))
    changing.connection.execute(insert(vectors).from_select(columns, rows))


def read_known(connection: Connection, fingerprint: str, image_id: str) -> KnownImage | None:
    """What is known of readable bytes that this model has a vector of, of a live image or of one in the bin."""
    fields = ("width", "height", "mean_colour", "media_type", *(column.name for column in COLUMNS))
    alternatives = []
    for records, kept in ((images, vectors), (removed_images, removed_vectors)):
        of_model = (
            exists()
            .where(kept.c.image_id == records.c.id)
            .where(kept.c.fingerprint_number == fingerprints.c.number, fingerprints.c.fingerprint == fingerprint)
        )
        readable = records.c.error.is_(None)
        alternatives.append(
            select(*(records.c[name] for name in fields)).where(records.c.id == image_id, readable, of_model)
        )
    row = connection.execute(union_all(*alternatives)).first()
    if row is None:
        return None
    width, height, mean_colour, media_type, *stored = row
    columns = rows_of([[value] for value in stored])[0]
    return KnownImage(width=width, height=height, mean_colour=mean_colour, media_type=media_type, columns=columns)


def remove(changing: Changing, image_ids: Iterable[str]) -> None:
    """Throw away what the bin has of those images."""
    for chunk in chunks(image_ids):
        changing.connection.execute(delete(removed_images).where(removed_images.c.id.in_(chunk)))


def read_old(connection: Connection, *, older_than: datetime) -> list[str]:
    """The ids of what was put into the bin before that time, of private and blocked images where vectors are left."""
    public = removed_images.c.visibility == Visibility.PUBLIC.value
    has_vectors = exists().where(removed_vectors.c.image_id == removed_images.c.id)
    old = select(removed_images.c.id).where(removed_images.c.removed_at < older_than, or_(public, has_vectors))
    return list(connection.execute(old.order_by(removed_images.c.id)).scalars())


def empty(changing: Changing, image_ids: Collection[str], *, older_than: datetime) -> int:
    """Throw away those of them that were put into the bin before that time; how many images.

    Of private and blocked ones the vectors go, and the record stays: otherwise they would come back public.
    """
    old = (removed_images.c.id.in_(image_ids), removed_images.c.removed_at < older_than)
    public = removed_images.c.visibility == Visibility.PUBLIC.value
    hidden = select(removed_images.c.id).where(*old, ~public)
    changing.connection.execute(delete(removed_vectors).where(removed_vectors.c.image_id.in_(hidden)))
    return changing.connection.execute(delete(removed_images).where(*old, public)).rowcount
