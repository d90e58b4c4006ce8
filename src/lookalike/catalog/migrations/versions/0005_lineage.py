"""A random token for each state of the catalog, by which an index is known to be built from this catalog's past.

Revision ID: 0005
Revises: 0004
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "lineage",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("token", sa.String(16), nullable=False),
        sqlite_with_rowid=False,
    )
    now = sa.text("INSERT INTO lineage (sequence, token) SELECT value, :token FROM change_counter")
    op.execute(now.bindparams(token=secrets.token_hex(8)))
    op.execute(sa.text("UPDATE library SET schema_version = 5"))
