"""Grades belong to a named set, and their query may be a part of an image.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

image_id_type = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "judgement_sets",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "judgements",
        sa.Column("set_name", sa.String, sa.ForeignKey("judgement_sets.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("query_image_id", image_id_type, primary_key=True),
        sa.Column("crop", sa.String, primary_key=True),
        sa.Column("image_id", image_id_type, primary_key=True),
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("grade", sa.SmallInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("grade BETWEEN 0 AND 5", name="ck_judgements_grade"),
    )
    move_grades()
    op.drop_table("grades")
    op.execute(sa.text("UPDATE library SET schema_version = 3"))


def move_grades() -> None:
    op.execute(
        sa.text(
            "INSERT INTO judgement_sets (name, rule, created_at)"
            " SELECT 'grades', '', MIN(at) FROM grades HAVING COUNT(*) > 0"
        )
    )
    op.execute(
        sa.text(
            "INSERT INTO judgements (set_name, query_image_id, crop, image_id, user_id, source, grade, at)"
            " SELECT 'grades', query_image_id, '', image_id, user_id, source, grade, at FROM grades"
        )
    )
