"""What moderation found of images, and what was decided about them.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    image_id = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    op.create_table(
        "moderated_images",
        sa.Column("image_id", image_id, primary_key=True),
        sa.Column("state", sa.String(7), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("scores", sa.Text, nullable=False),
        sa.Column("classifiers", sa.String, nullable=False),
        sa.Column("untrusted", sa.Boolean, nullable=False),
        sa.Column("visibility", sa.String(7), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", sa.BigInteger),
        sa.CheckConstraint("state IN ('shown', 'blurred', 'held', 'blocked')", name="ck_moderated_images_state"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_moderated_images_state_since", "moderated_images", ["state", "since", "image_id"])
    op.execute(sa.text("UPDATE library SET schema_version = 18"))
