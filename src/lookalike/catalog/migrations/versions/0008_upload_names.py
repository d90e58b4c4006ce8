"""What uploads were called by whoever sent them.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in ("images", "removed_images"):
        op.add_column(table, sa.Column("upload_name", sa.Text))
    op.execute(sa.text("UPDATE library SET schema_version = 8"))
