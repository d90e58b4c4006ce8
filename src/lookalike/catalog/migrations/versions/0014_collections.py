"""Collections of images, and the filters that a search was made with.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    image_id = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    op.create_table(
        "collections",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "collection_images",
        sa.Column("collection", sa.String, sa.ForeignKey("collections.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("image_id", image_id, primary_key=True),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_collection_images_image_id", "collection_images", ["image_id"])
    op.add_column("queries", sa.Column("filters", sa.Text))
    op.execute(sa.text("UPDATE library SET schema_version = 14"))
