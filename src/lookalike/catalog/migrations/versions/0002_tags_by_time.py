"""Tags carry their image's upload time, so that browsing by a tag reads only the page it shows.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("image_tags", sa.Column("uploaded_at", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        sa.text(
            "UPDATE image_tags SET uploaded_at ="
            " (SELECT images.uploaded_at FROM images WHERE images.id = image_tags.image_id)"
        )
    )
    op.drop_index("ix_image_tags_tag_image_id", "image_tags")
    op.create_index("ix_image_tags_tag_uploaded_at_image_id", "image_tags", ["tag", "uploaded_at", "image_id"])
    op.execute(sa.text("UPDATE library SET schema_version = 2"))
