"""Pictures that must not be shown; they need not be in the library."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select

from lookalike.catalog.records import is_image_id, require_storable
from lookalike.catalog.schema import blocked_pictures
from lookalike.catalog.upserting import insert_into
from lookalike.columns import COLUMNS, ImageRow, rows_of
from lookalike.errors import UnknownImage

READ_VERSION = select(
    func.count(),
    func.max(blocked_pictures.c.created_at),
    func.min(blocked_pictures.c.image_id),
    func.max(blocked_pictures.c.image_id),
)
"""A row that differs where the list differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedPicture:
    """A picture that must not be shown.

    Attributes:
        image_id: of its bytes.
        row: what is kept of it.
        note: why, in words.
        created_at: since when.
    """

    image_id: str
    row: ImageRow
    note: str
    created_at: datetime


def write_block(connection: Connection, image_id: str, row: ImageRow, note: str) -> None:
    """Keep a picture; see `Blocks.add`."""
    require_storable("note", note)
    values = {"image_id": image_id, "note": note, "created_at": datetime.now(UTC)}
    values |= {column.name: column.stored(row) for column in COLUMNS}
    connection.execute(insert_into(connection, blocked_pictures).values(values).on_conflict_do_nothing())


def read_blocks(connection: Connection) -> list[BlockedPicture]:
    """Every picture, the oldest first."""
    statement = select(blocked_pictures).order_by(blocked_pictures.c.created_at, blocked_pictures.c.image_id)
    found = connection.execute(statement).all()
    if not found:
        return []
    rows = rows_of([[getattr(one, column.name) for one in found] for column in COLUMNS])
    return [
        BlockedPicture(image_id=one.image_id, row=row, note=one.note, created_at=one.created_at)
        for one, row in zip(found, rows, strict=True)
    ]


def drop_block(connection: Connection, image_id: str) -> None:
    """Forget a picture; see `Blocks.remove`."""
    chosen = blocked_pictures.c.image_id == (image_id if is_image_id(image_id) else "")
    if not connection.execute(delete(blocked_pictures).where(chosen)).rowcount:
        raise UnknownImage(f"no picture {image_id[:64]!a} is blocked; `lookalike block list` shows those that are")
