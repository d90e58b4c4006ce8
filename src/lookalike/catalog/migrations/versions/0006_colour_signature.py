"""What colours an image has, beside its difference hash; not known of images that were indexed before.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("images", sa.Column("colour_signature", sa.LargeBinary))
    op.execute(sa.text("UPDATE library SET schema_version = 6"))
