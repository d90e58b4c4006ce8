"""The first tables: images, vectors, sources, people and what they did, and the change counter.

Revision ID: 0001
Revises: nothing
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

image_id_type = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
row_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    create_library()
    create_images()
    create_vectors()
    create_queries()
    create_people()


def create_library() -> None:
    library = op.create_table(
        "library",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="ck_library_one_row"), primary_key=True),
        sa.Column("library_id", sa.String(32), nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    counter = op.create_table(
        "change_counter",
        sa.Column(
            "id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="ck_change_counter_one_row"), primary_key=True
        ),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "live_model",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="ck_live_model_one_row"), primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
    )
    microseconds = int(datetime.now(UTC).timestamp() * 1_000_000)
    op.bulk_insert(
        library, [{"id": 1, "library_id": secrets.token_hex(16), "schema_version": 1, "created_at": microseconds}]
    )
    op.bulk_insert(counter, [{"id": 1, "value": 0}])


def create_images() -> None:
    op.create_table(
        "images",
        sa.Column("id", image_id_type, primary_key=True),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("mean_colour", sa.String(7), nullable=False),
        sa.Column("difference_hash", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("byte_count", sa.BigInteger, nullable=False),
        sa.Column("owner_id", sa.String),
        sa.Column("uploaded_at", sa.BigInteger, nullable=False),
        sa.Column("visibility", sa.String(7), nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("has_upload", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.CheckConstraint("visibility IN ('public', 'private', 'blocked')", name="ck_images_visibility"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_images_uploaded_at_id", "images", ["uploaded_at", "id"])
    op.create_index("ix_images_sequence", "images", ["sequence"], unique=True)
    op.create_table(
        "image_tags",
        sa.Column("image_id", image_id_type, sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True),
        sa.Column("tag", sa.String, nullable=False),
    )
    op.create_index("ix_image_tags_tag_image_id", "image_tags", ["tag", "image_id"])
    op.create_table(
        "tombstones",
        sa.Column("image_id", image_id_type, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(11), nullable=False),
        sa.CheckConstraint("reason IN ('source-gone', 'requested')", name="ck_tombstones_reason"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstones_sequence", "tombstones", ["sequence"], unique=True)
    op.create_table(
        "sources",
        sa.Column("id", row_number, primary_key=True, autoincrement=True),
        sa.Column("path_hash", sa.LargeBinary(16), nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("image_id", image_id_type),
        sa.Column("byte_count", sa.BigInteger, nullable=False),
        sa.Column("modified_ns", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_index("ix_sources_path_hash", "sources", ["path_hash"], unique=True)
    op.create_index("ix_sources_image_id_id", "sources", ["image_id", "id"])


def create_vectors() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("number", row_number, primary_key=True, autoincrement=True),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("dtype", sa.String(8), nullable=False),
        sa.CheckConstraint("dtype IN ('float16', 'float32')", name="ck_fingerprints_dtype"),
    )
    op.create_index("ix_fingerprints_fingerprint", "fingerprints", ["fingerprint"], unique=True)
    op.create_table(
        "vectors",
        sa.Column(
            "fingerprint_number",
            row_number,
            sa.ForeignKey("fingerprints.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("image_id", image_id_type, sa.ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_vectors_image_id", "vectors", ["image_id"])


def create_queries() -> None:
    op.create_table(
        "queries",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("generation", sa.String, nullable=False),
        sa.Column("image_id", image_id_type),
        sa.Column("crop_x", sa.Float(53)),
        sa.Column("crop_y", sa.Float(53)),
        sa.Column("crop_width", sa.Float(53)),
        sa.Column("crop_height", sa.Float(53)),
        sa.Column("ranked_ids", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_index("ix_queries_at", "queries", ["at"])
    op.create_table(
        "interactions",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("query_id", sa.String, sa.ForeignKey("queries.id"), nullable=False),
        sa.Column("image_id", image_id_type, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("dwell_seconds", sa.Float(53)),
        sa.Column("user_id", sa.String),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.CheckConstraint("kind IN ('impression', 'click', 'dwell')", name="ck_interactions_kind"),
    )
    op.create_index("ix_interactions_query_id", "interactions", ["query_id"])
    op.create_index("ix_interactions_at", "interactions", ["at"])


def create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("age", sa.Integer),
        sa.Column("gender", sa.String),
        sa.Column("city", sa.String),
        sa.Column("country", sa.String),
        sa.Column("language", sa.String),
        sa.Column("time_zone", sa.String),
    )
    op.create_table(
        "grades",
        sa.Column("query_image_id", image_id_type, primary_key=True),
        sa.Column("image_id", image_id_type, primary_key=True),
        sa.Column("user_id", sa.String, primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("grade", sa.SmallInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("grade BETWEEN 0 AND 5", name="ck_grades_grade"),
    )
