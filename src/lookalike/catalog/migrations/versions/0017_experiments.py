"""Experiments on live queries, and pairs that wait for a grade.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

image_id_type = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("running", sa.SmallInteger),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("challenger", sa.String, nullable=False),
        sa.Column("control", sa.String, nullable=False),
        sa.Column("share", sa.Float(53), nullable=False),
        sa.Column("seed", sa.String, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("stopped_at", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
    )
    op.create_index("ix_experiments_running", "experiments", ["running"], unique=True)
    op.create_table(
        "experiment_queries",
        sa.Column("query_id", sa.String, sa.ForeignKey("queries.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("experiment", sa.String, sa.ForeignKey("experiments.name"), nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("teams", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_experiment_queries_experiment", "experiment_queries", ["experiment"])
    op.create_table(
        "grading_queue",
        sa.Column("set_name", sa.String, primary_key=True),
        sa.Column("query_image_id", image_id_type, primary_key=True),
        sa.Column("crop", sa.String, primary_key=True),
        sa.Column("image_id", image_id_type, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("strategy", sa.String, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )
    op.execute(sa.text("UPDATE library SET schema_version = 17"))
