"""Vectors are of a region of an image. Those there are so far are of whole images, region 0.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

image_id_type = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    for table, images in (("vectors", "images"), ("removed_vectors", "removed_images")):
        if op.get_bind().dialect.name == "sqlite":
            copy_with_region(table, images)
        else:
            add_region(table)
    op.execute(sa.text("UPDATE library SET schema_version = 9"))


def add_region(table: str) -> None:
    op.add_column(table, sa.Column("region", sa.SmallInteger, nullable=False, server_default="0"))
    op.alter_column(table, "region", server_default=None)
    key = "ADD PRIMARY KEY (fingerprint_number, image_id, region)"
    op.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, {key}"))


def copy_with_region(table: str, images: str) -> None:
    """SQLite cannot change the key of a table."""
    op.create_table(
        f"new_{table}",
        sa.Column(
            "fingerprint_number",
            row_number,
            sa.ForeignKey("fingerprints.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("image_id", image_id_type, sa.ForeignKey(f"{images}.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("region", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    copied = f"INSERT INTO new_{table} SELECT fingerprint_number, image_id, 0, vector FROM {table}"  # noqa: S608
    op.execute(sa.text(copied))
    op.drop_table(table)
    op.rename_table(f"new_{table}", table)
    op.create_index(f"ix_{table}_image_id", table, ["image_id"])
