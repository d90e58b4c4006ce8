"""Which models answered, and since when: what a rollback goes back to.

Revision ID: 0004
Revises: 0003
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "model_history",
        sa.Column("number", row_number, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
    )
    began = sa.text(
        "INSERT INTO model_history (name, fingerprint, dimension, since, because)"
        " SELECT name, fingerprint, dimension, :now, 'live when the history began' FROM live_model"
    )
    op.execute(began.bindparams(sa.bindparam("now", time.time_ns() // 1000, sa.BigInteger)))
    op.execute(sa.text("UPDATE library SET schema_version = 4"))
