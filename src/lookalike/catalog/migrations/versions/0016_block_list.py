"""Pictures that must not be shown.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    image_id = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    op.create_table(
        "blocked_pictures",
        sa.Column("image_id", image_id, primary_key=True),
        sa.Column("difference_hash", sa.BigInteger, nullable=False),
        sa.Column("colour_signature", sa.LargeBinary),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.execute(sa.text("UPDATE library SET schema_version = 16"))
