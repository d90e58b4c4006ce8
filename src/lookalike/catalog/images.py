"""Reading images, changing what may be changed of them, and deleting them."""

import base64
import binascii
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, insert, literal, select, tuple_, update

from lookalike.catalog import moderation, recycle_bin
from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.records import BrowsePage, Deletion, Outline, is_image_id, require_storable, storable_text
from lookalike.catalog.schema import image_tags, images, moderated_images, sources, tombstones
from lookalike.errors import CursorRefused, UnknownImage
from lookalike.types import Image, ModerationState, Visibility

VISIBILITIES = {visibility.value: visibility for visibility in Visibility}
"""By stored text: a look-up in a dict costs a tenth of calling the enumeration."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_first_source = (
    select(sources.c.path)
    .where(sources.c.image_id == images.c.id)
    .order_by(sources.c.missing_since.is_not(None), sources.c.id)  # by a path that was there at the last look
    .limit(1)
    .correlate(images)
    .scalar_subquery()
    .label("source")
)
_FIELDS = (
    "id",
    "width",
    "height",
    "mean_colour",
    "media_type",
    "byte_count",
    "owner_id",
    "uploaded_at",
    "visibility",
    "error",
    "upload_name",
)
_blurred = (
    exists()
    .where(moderated_images.c.image_id == images.c.id, moderated_images.c.state == ModerationState.BLURRED.value)
    .label("blurred")
)
SELECT_IMAGES = select(*(images.c[name] for name in _FIELDS), _first_source, _blurred)


def read_image(connection: Connection, image_id: str, *, visibility: Visibility | None = None) -> Image:
    """One live image, of that visibility where one is given.

    Raises:
        UnknownImage: there is none.
    """
    found = read_images(connection, [image_id], visibility=visibility)
    if image_id not in found:
        raise UnknownImage.of(image_id)
    return found[image_id]


def read_images(
    connection: Connection, image_ids: Iterable[str], *, visibility: Visibility | None = None
) -> dict[str, Image]:
    """The live ones among them, of that visibility where one is given, by id, in the order asked for."""
    filters = _filters(visibility, readable=False)
    wanted = [image_id for image_id in dict.fromkeys(image_ids) if is_image_id(image_id)]
    found: dict[str, Image] = {}
    for chunk in chunks(wanted):
        rows = connection.execute(SELECT_IMAGES.where(images.c.id.in_(chunk), *filters)).all()
        found.update((image.id, image) for image in from_rows(connection, rows))
    return {image_id: found[image_id] for image_id in wanted if image_id in found}


def read_ids(connection: Connection, visibility: Visibility) -> set[str]:
    """Of every readable image of that visibility."""
    statement = select(images.c.id).where(*_filters(visibility, readable=True))
    return set(connection.execute(statement).scalars())


def from_rows(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Image]:
    """The images of rows of `SELECT_IMAGES`, with their tags."""
    return as_images(rows, _tags(connection, [row[0] for row in rows]))


def as_images(rows: Iterable[Sequence[Any]], tags: Iterable[Sequence[Any]]) -> list[Image]:
    """The images of rows of `SELECT_IMAGES`.

    Args:
        rows: of the images.
        tags: an image's id and one of its tags; those of an image in their order.
    """
    of_image: dict[str, list[str]] = {}
    for image_id, tag in tags:
        of_image.setdefault(image_id, []).append(tag)
    names = (*_FIELDS, "source", "blurred")
    fields = [dict(zip(names, row, strict=True)) for row in rows]  # three times as fast as asking a row by name
    return [
        Image(
            **of_one | {"tags": tuple(of_image.get(of_one["id"], ())), "visibility": VISIBILITIES[of_one["visibility"]]}
        )
        for of_one in fields
    ]


def _tags(connection: Connection, image_ids: Sequence[str]) -> Iterator[Sequence[Any]]:
    for chunk in chunks(image_ids):
        statement = (
            select(image_tags.c.image_id, image_tags.c.tag)
            .where(image_tags.c.image_id.in_(chunk))
            .order_by(image_tags.c.image_id, image_tags.c.position)
        )
        yield from connection.execute(statement).all()


def browse(
    connection: Connection,
    *,
    after: str | None,
    limit: int,
    visibility: Visibility | None,
    tag: str | None,
    readable: bool,
) -> BrowsePage:
    """A page of images, newest first; see `Images.browse`."""
    if limit < 1:
        raise ValueError(f"limit {limit} must be at least 1")
    if tag is not None and not storable_text(tag):
        return BrowsePage(images=(), next=None)
    newest_first = _newest_first(SELECT_IMAGES, after, tag).where(*_filters(visibility, readable=readable))
    rows = connection.execute(newest_first.limit(limit + 1)).all()
    page = tuple(from_rows(connection, rows[:limit]))
    return BrowsePage(images=page, next=cursor_after(page[-1].uploaded_at, page[-1].id) if len(rows) > limit else None)


def outline(connection: Connection, *, after: str, limit: int, every: int, tag: str | None) -> Outline:
    """The sizes of the public images that follow, newest first; see `Images.outline`."""
    if tag is not None and not storable_text(tag):
        return Outline(sizes=[], cursors=[], next=None)
    columns = select(images.c.width, images.c.height, images.c.uploaded_at, images.c.id)
    newest_first = _newest_first(columns, after, tag).where(*_filters(Visibility.PUBLIC, readable=True))
    rows = connection.execute(newest_first.limit(limit + 1)).all()
    listed = rows[:limit]
    ends = [cursor_after(row.uploaded_at, row.id) for row in listed[every - 1 :: every]]
    return Outline(
        sizes=[(row.width, row.height) for row in listed],
        cursors=[after, *ends][: math.ceil(len(listed) / every)],
        next=cursor_after(listed[-1].uploaded_at, listed[-1].id) if len(rows) > limit else None,
    )


def _newest_first(statement: Select[Any], after: str | None, tag: str | None) -> Select[Any]:
    order = (images.c.uploaded_at, images.c.id)
    if tag is not None:
        tagged = (image_tags.c.image_id == images.c.id) & (image_tags.c.tag == tag)
        statement, order = statement.join(image_tags, tagged), (image_tags.c.uploaded_at, image_tags.c.image_id)
    if after is not None:
        uploaded_at, image_id = place_of(after)
        last = tuple_(literal(uploaded_at, images.c.uploaded_at.type), literal(image_id, images.c.id.type))
        statement = statement.where(tuple_(*order) < last)
    return statement.order_by(*(column.desc() for column in order))


def _filters(visibility: Visibility | None, *, readable: bool) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if visibility is not None:
        filters.append(images.c.visibility == visibility.value)
    if readable:
        filters.append(images.c.error.is_(None))
    return filters


def cursor_after(at: datetime, image_id: str) -> str:
    """The cursor of what follows an image in a list ordered by time."""
    text = f"{(at - _EPOCH) // _MICROSECOND}:{image_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[datetime, str]:
    """The time and the image that a cursor stands behind.

    Raises:
        CursorRefused: it is damaged.
    """
    try:
        text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        microseconds, image_id = text.decode("ascii").split(":")
        at = _EPOCH + int(microseconds) * _MICROSECOND
    except (ValueError, OverflowError, binascii.Error):
        raise CursorRefused(f"cursor {cursor[:64]!a} is damaged: begin again without one") from None
    if not is_image_id(image_id):
        raise CursorRefused(f"cursor {cursor[:64]!a} is damaged: begin again without one")
    return at, image_id


def without_repeats(tags: Iterable[str]) -> list[str]:
    """The tags trimmed, in their order, each once, empty ones left out.

    Raises:
        CallerError: one is not text.
    """
    trimmed = dict.fromkeys(tag.strip() for tag in tags)
    for tag in trimmed:
        require_storable("tag", tag)
    return [tag for tag in trimmed if tag]


def tag_rows(image_id: str, tags: Iterable[str], *, uploaded_at: datetime) -> list[dict[str, Any]]:
    """Rows of `image_tags`."""
    return [
        {"image_id": image_id, "position": position, "tag": tag, "uploaded_at": uploaded_at}
        for position, tag in enumerate(without_repeats(tags))
    ]


def change_image(
    changing: Changing,
    image_id: str,
    *,
    visibility: Visibility | None,
    tags: Sequence[str] | None,
    owner_id: str | None,
) -> Image:
    """Change what is given; see `Images.update`."""
    connection = changing.connection
    before = read_image(connection, image_id)
    require_storable("owner_id", owner_id)
    values: dict[str, Any] = {}
    if visibility is not None:
        values["visibility"] = moderation.wish(changing, image_id, visibility).value
    if owner_id is not None:
        values["owner_id"] = owner_id or None
    if values:
        connection.execute(update(images).where(images.c.id == image_id).values(values))
    if tags is not None:
        connection.execute(delete(image_tags).where(image_tags.c.image_id == image_id))
        changing.execute_many(insert(image_tags), tag_rows(image_id, tags, uploaded_at=before.uploaded_at))
    changing.touch([image_id])
    return read_image(connection, image_id)


def with_upload(connection: Connection, image_ids: Iterable[str]) -> set[str]:
    """Those of them that are live and were uploaded."""
    found: set[str] = set()
    for chunk in chunks(image_ids):
        statement = select(images.c.id).where(images.c.id.in_(chunk), images.c.has_upload.is_(True))
        found.update(connection.execute(statement).scalars())
    return found


def deleted_on_request(connection: Connection, image_ids: Iterable[str]) -> set[str]:
    """Those of them that somebody deleted for good."""
    found: set[str] = set()
    for chunk in chunks(image_ids):
        requested = tombstones.c.reason == Deletion.REQUESTED.value
        statement = select(tombstones.c.image_id).where(tombstones.c.image_id.in_(chunk), requested)
        found.update(connection.execute(statement).scalars())
    return found


def bury(changing: Changing, image_ids: Collection[str], reason: Deletion) -> None:
    """Leave nothing of those live images but a tombstone; their tags and vectors go by the foreign keys."""
    ordered = sorted(image_ids)
    for chunk in chunks(ordered):
        changing.connection.execute(delete(images).where(images.c.id.in_(chunk)))
    changing.execute_many(
        insert(tombstones),
        [
            {"image_id": image_id, "sequence": number, "reason": reason.value}
            for image_id, number in zip(ordered, changing.take(len(ordered)), strict=True)
        ],
    )


def bury_abandoned(changing: Changing, image_ids: Iterable[str]) -> int:
    """Put those of them that no source and no upload holds any more into the bin; how many those were."""
    abandoned: list[str] = []
    for chunk in chunks(sorted(set(image_ids))):
        statement = select(images.c.id).where(
            images.c.id.in_(chunk),
            images.c.has_upload.is_(False),
            ~exists().where(sources.c.image_id == images.c.id),
        )
        abandoned.extend(changing.connection.execute(statement).scalars())
    recycle_bin.keep(changing, abandoned)
    bury(changing, abandoned, Deletion.SOURCE_GONE)
    return len(abandoned)
