"""What is kept of a query stands in columns of its own; it was JSON in one.

Revision ID: 0010
Revises: 0009
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

AT_ONCE = 1_000

KINDS: dict[str, sa.types.TypeEngine[Any]] = {
    "fingerprint": sa.String(),
    "duplicate_ids": sa.LargeBinary(),
    "duplicates_of": sa.LargeBinary(),
    "same_ids": sa.LargeBinary(),
    "include_self": sa.Boolean(),
    "neighbors": sa.Integer(),
    "images": sa.Integer(),
    "loose_cosine": sa.Float(53),
    "close_cosine": sa.Float(53),
    "very_close_cosine": sa.Float(53),
}
DEFAULTS: dict[str, Any] = {"fingerprint": "", "include_self": sa.true(), "neighbors": "0", "images": "0"}

queries = sa.table(
    "queries", sa.column("id"), sa.column("details"), *(sa.column(name, kind) for name, kind in KINDS.items())
)


def upgrade() -> None:
    for name, kind in KINDS.items():
        default = DEFAULTS.get(name)
        op.add_column("queries", sa.Column(name, kind, nullable=default is None, server_default=default))
    fill()
    op.execute(sa.text("ALTER TABLE queries DROP COLUMN details"))
    op.execute(sa.text("UPDATE library SET schema_version = 10"))


def fill() -> None:
    connection = op.get_bind()
    columns: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in KINDS}
    written = sa.update(queries).where(queries.c.id == sa.bindparam("key")).values(columns)
    after = ""
    while True:
        block = sa.select(queries.c.id, queries.c.details).where(queries.c.id > after).order_by(queries.c.id)
        rows = connection.execute(block.limit(AT_ONCE)).all()
        if not rows:
            return
        connection.execute(written, [{"key": row.id, **values_of(row.details)} for row in rows])
        after = rows[-1].id


def values_of(text: str) -> dict[str, Any]:
    """The columns of what was JSON; older versions wrote fewer members."""
    details = json.loads(text)
    behind = [(hit, other) for hit, others in details.get("duplicates", {}).items() for other in others]
    loose, close, very_close = details.get("calibration") or (None, None, None)
    values = {
        "fingerprint": details.get("fingerprint", ""),
        "duplicate_ids": packed(other for _, other in behind),
        "duplicates_of": packed(hit for hit, _ in behind),
        "same_ids": packed(details.get("same", ())),
        "include_self": details.get("include_self", True),
        "neighbors": details.get("neighbors", 0),
        "images": details.get("images", 0),
        "loose_cosine": loose,
        "close_cosine": close,
        "very_close_cosine": very_close,
    }
    return {f"new_{name}": value for name, value in values.items()}


def packed(image_ids: Any) -> bytes:
    return bytes.fromhex("".join(image_ids))
