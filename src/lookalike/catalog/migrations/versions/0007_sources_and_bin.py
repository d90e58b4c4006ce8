"""Files told apart by more than size and time, the folders that were indexed, and a bin for images whose file is gone.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

image_id_type = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    for name, kind in (
        ("changed_ns", sa.BigInteger),
        ("inode", sa.BigInteger),
        ("device", sa.BigInteger),
        ("refused_under", sa.String),
        ("missing_since", sa.BigInteger),
    ):
        op.add_column("sources", sa.Column(name, kind))
    op.create_table(
        "folders",
        sa.Column("path_hash", sa.LargeBinary(16), primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("forgotten", sa.Boolean, nullable=False),
        sa.Column("last_run_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    create_bin()
    op.execute(sa.text("UPDATE library SET schema_version = 7"))


def create_bin() -> None:
    op.create_table(
        "removed_images",
        sa.Column("id", image_id_type, primary_key=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("mean_colour", sa.String(7), nullable=False),
        sa.Column("difference_hash", sa.BigInteger, nullable=False),
        sa.Column("colour_signature", sa.LargeBinary),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("byte_count", sa.BigInteger, nullable=False),
        sa.Column("owner_id", sa.String),
        sa.Column("uploaded_at", sa.BigInteger, nullable=False),
        sa.Column("visibility", sa.String(7), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_removed_images_removed_at", "removed_images", ["removed_at"])
    op.create_table(
        "removed_tags",
        sa.Column("image_id", image_id_type, of_removed(), primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True),
        sa.Column("tag", sa.String, nullable=False),
    )
    op.create_table(
        "removed_vectors",
        sa.Column(
            "fingerprint_number",
            row_number,
            sa.ForeignKey("fingerprints.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("image_id", image_id_type, of_removed(), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_removed_vectors_image_id", "removed_vectors", ["image_id"])


def of_removed() -> sa.ForeignKey:
    return sa.ForeignKey("removed_images.id", ondelete="CASCADE")
