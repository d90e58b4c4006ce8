"""Keypoints of images, and which hits of a search were verified by them.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    image_id = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    op.create_table(
        "keypoints",
        sa.Column("image_id", image_id, sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("recipe", sa.SmallInteger, nullable=False),
        sa.Column("points", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_keypoints_recipe_image_id", "keypoints", ["recipe", "image_id"])
    op.add_column("queries", sa.Column("same_things", sa.LargeBinary))
    op.execute(sa.text("UPDATE library SET schema_version = 12"))
