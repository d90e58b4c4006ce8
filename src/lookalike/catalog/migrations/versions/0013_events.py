"""Interactions say where in the grid a hit stood and who acted; hits can be saved, or called not similar.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

KEPT = "event_id, query_id, image_id, position, kind, at, dwell_seconds, user_id, simulated"


def upgrade() -> None:
    op.drop_index("ix_interactions_query_id", "interactions")
    op.drop_index("ix_interactions_at", "interactions")
    op.rename_table("interactions", "old_interactions")
    create_interactions()
    op.execute(sa.text(f"INSERT INTO interactions ({KEPT}) SELECT {KEPT} FROM old_interactions"))  # noqa: S608
    op.drop_table("old_interactions")
    op.add_column("queries", sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE library SET schema_version = 13"))


def create_interactions() -> None:
    """Anew, since SQLite cannot change which kinds the table takes."""
    op.create_table(
        "interactions",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("query_id", sa.String, sa.ForeignKey("queries.id"), nullable=False),
        sa.Column("image_id", sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("dwell_seconds", sa.Float(53)),
        sa.Column("grid_row", sa.Integer),
        sa.Column("grid_column", sa.Integer),
        sa.Column("fold", sa.Integer),
        sa.Column("x", sa.Float(53)),
        sa.Column("y", sa.Float(53)),
        sa.Column("client_id", sa.String),
        sa.Column("session_id", sa.String),
        sa.Column("user_id", sa.String),
        sa.Column("application", sa.String),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.CheckConstraint(
            "kind IN ('impression', 'click', 'dwell', 'save', 'not_similar')", name="ck_interactions_kind"
        ),
    )
    op.create_index("ix_interactions_query_id", "interactions", ["query_id"])
    op.create_index("ix_interactions_at_event_id", "interactions", ["at", "event_id"])
