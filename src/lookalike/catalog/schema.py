"""The tables, in SQL that SQLite and PostgreSQL read alike, and the column types both store the same way."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    true,
)
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 18
"""The integer stored in `library.schema_version`; each migration that is added raises it."""

HEAD_REVISION = "0018"
"""The newest Alembic revision; a test holds it equal to what the migration files say."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SIGN_BIT, _WORD = 1 << 63, 1 << 64


class UtcTime(TypeDecorator[datetime]):
    """A time with a zone, kept as whole microseconds since 1970 UTC: it sorts alike on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds since 1970 UTC.

        Raises:
            ValueError: the time has no zone.
        """
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value.isoformat()} has no time zone")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The same time, in UTC."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class UnsignedWord(TypeDecorator[int]):
    """An unsigned 64-bit number in the signed 64 bits that databases have."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """The signed number of the same bits."""
        del dialect
        return value if value is None or value < _SIGN_BIT else value - _WORD

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        """The unsigned number of the same bits."""
        del dialect
        return None if value is None else value % _WORD


class Nanoseconds(TypeDecorator[int]):
    """A file's modification time; years no clock should show are cut to what 64 bits hold."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """The number, within signed 64 bits."""
        del dialect
        return None if value is None else max(-_SIGN_BIT, min(value, _SIGN_BIT - 1))


class SourcePath(TypeDecorator[str]):
    """A path as the bytes the file system has, so that names that are not UTF-8 come back exactly."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """The file system's bytes."""
        del dialect
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """The path as `os.fsdecode` gives it."""
        del dialect
        return None if value is None else os.fsdecode(value)


class Message(TypeDecorator[str]):
    """Words for people; what no database accepts as text (lone surrogates, NUL) is written as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text with such characters spelled out: a backslash, then their number."""
        del dialect
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


# "C" makes PostgreSQL order ids by their bytes, as SQLite and Python do, whatever the database's language is.
_ImageId = String(32).with_variant(String(32, collation="C"), "postgresql")
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

library = Table(
    "library",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="ck_library_one_row"), primary_key=True),
    Column("library_id", String(32), nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="ck_change_counter_one_row"), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Every transaction that moves the counter draws a token. A catalog put back from a backup counts the same numbers
# again, but with other tokens: by them an index knows whether it was built from this catalog's past.
lineage = Table(
    "lineage",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("token", String(16), nullable=False),
    sqlite_with_rowid=False,
)

images = Table(
    "images",
    metadata,
    Column("id", _ImageId, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("mean_colour", String(7), nullable=False),
    Column("difference_hash", UnsignedWord, nullable=False),
    Column("colour_signature", LargeBinary),
    Column("media_type", String, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("owner_id", String),
    Column("uploaded_at", UtcTime, nullable=False),
    Column("visibility", String(7), nullable=False),
    Column("error", Message),
    Column("has_upload", Boolean, nullable=False),
    Column("upload_name", Message),
    Column("sequence", BigInteger, nullable=False),
    CheckConstraint("visibility IN ('public', 'private', 'blocked')", name="ck_images_visibility"),
    Index("ix_images_uploaded_at_id", "uploaded_at", "id"),
    Index("ix_images_sequence", "sequence", unique=True),
    sqlite_with_rowid=False,
)

image_tags = Table(
    "image_tags",
    metadata,
    Column("image_id", _ImageId, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("tag", String, nullable=False),
    Column("uploaded_at", UtcTime, nullable=False, server_default="0"),  # the image's, which never changes
    Index("ix_image_tags_tag_uploaded_at_image_id", "tag", "uploaded_at", "image_id"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("image_id", _ImageId, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("reason", String(11), nullable=False),
    CheckConstraint("reason IN ('source-gone', 'requested')", name="ck_tombstones_reason"),
    Index("ix_tombstones_sequence", "sequence", unique=True),
    sqlite_with_rowid=False,
)

# `image_id` has no foreign key: it may name a tombstone, so that a deleted image's file is not read again each run.
# `path_hash` is the key because PostgreSQL cannot index a path of 4,096 bytes.
sources = Table(
    "sources",
    metadata,
    Column("id", _RowNumber, primary_key=True, autoincrement=True),
    Column("path_hash", LargeBinary(16), nullable=False),
    Column("path", SourcePath, nullable=False),
    Column("image_id", _ImageId),
    Column("byte_count", BigInteger, nullable=False),
    Column("modified_ns", Nanoseconds, nullable=False),
    Column("error", Message),
    Column("changed_ns", Nanoseconds),  # this and the next two: NULL where an earlier version recorded the file
    Column("inode", UnsignedWord),
    Column("device", UnsignedWord),
    Column("refused_under", String),  # the limits and decoders that refused its bytes
    Column("missing_since", UtcTime),  # an index run did not find it, and nobody said to forget it
    Index("ix_sources_path_hash", "path_hash", unique=True),
    Index("ix_sources_image_id_id", "image_id", "id"),
)

# What was asked for by name: folders and files that were indexed, and those that are not to be looked at again.
folders = Table(
    "folders",
    metadata,
    Column("path_hash", LargeBinary(16), primary_key=True),
    Column("path", SourcePath, nullable=False),
    Column("forgotten", Boolean, nullable=False),
    Column("last_run_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("fingerprint", String, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("dtype", String(8), nullable=False),
    CheckConstraint("dtype IN ('float16', 'float32')", name="ck_fingerprints_dtype"),
    Index("ix_fingerprints_fingerprint", "fingerprint", unique=True),
)

vectors = Table(
    "vectors",
    metadata,
    Column("fingerprint_number", _RowNumber, ForeignKey("fingerprints.number"), primary_key=True, autoincrement=False),
    Column("image_id", _ImageId, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("region", SmallInteger, primary_key=True, autoincrement=False),  # 0 is the whole image
    Column("vector", LargeBinary, nullable=False),
    Index("ix_vectors_image_id", "image_id"),
    sqlite_with_rowid=False,
)

# Derived from an image's bytes: they may be missing, and are not kept in the bin.
keypoints = Table(
    "keypoints",
    metadata,
    Column("image_id", _ImageId, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("recipe", SmallInteger, nullable=False),  # the version of the code that made them
    Column("points", LargeBinary, nullable=False),
    Index("ix_keypoints_recipe_image_id", "recipe", "image_id"),
)

# The bin: images whose last file is gone, as they were, so that they come back with their file.
removed_images = Table(
    "removed_images",
    metadata,
    Column("id", _ImageId, primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("mean_colour", String(7), nullable=False),
    Column("difference_hash", UnsignedWord, nullable=False),
    Column("colour_signature", LargeBinary),
    Column("media_type", String, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("owner_id", String),
    Column("uploaded_at", UtcTime, nullable=False),
    Column("visibility", String(7), nullable=False),
    Column("error", Message),
    Column("upload_name", Message),
    Column("removed_at", UtcTime, nullable=False),
    Index("ix_removed_images_removed_at", "removed_at"),
    sqlite_with_rowid=False,
)

removed_tags = Table(
    "removed_tags",
    metadata,
    Column("image_id", _ImageId, ForeignKey("removed_images.id", ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("tag", String, nullable=False),
)

removed_vectors = Table(
    "removed_vectors",
    metadata,
    Column("fingerprint_number", _RowNumber, ForeignKey("fingerprints.number"), primary_key=True, autoincrement=False),
    Column("image_id", _ImageId, ForeignKey("removed_images.id", ondelete="CASCADE"), primary_key=True),
    Column("region", SmallInteger, primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
    Index("ix_removed_vectors_image_id", "image_id"),
    sqlite_with_rowid=False,
)

live_model = Table(
    "live_model",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1", name="ck_live_model_one_row"), primary_key=True),
    Column("name", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("dimension", Integer, nullable=False),
)

model_history = Table(
    "model_history",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("name", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("because", Message, nullable=False),
)

# Duties that one of all the processes that use the library does at a time.
leases = Table(
    "leases",
    metadata,
    Column("duty", String, primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    Column("age", Integer),
    Column("gender", String),
    Column("city", String),
    Column("country", String),
    Column("language", String),
    Column("time_zone", String),
)

queries = Table(
    "queries",
    metadata,
    Column("id", String, primary_key=True),
    Column("generation", String, nullable=False),
    Column("image_id", _ImageId),
    Column("crop_x", Float(53)),
    Column("crop_y", Float(53)),
    Column("crop_width", Float(53)),
    Column("crop_height", Float(53)),
    Column("ranked_ids", LargeBinary, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("vector", LargeBinary),
    Column("fingerprint", String, nullable=False, server_default=""),
    Column("duplicate_ids", LargeBinary),  # of images behind a hit, packed as `ranked_ids` is
    Column("duplicates_of", LargeBinary),  # the hit before each of those, packed alike
    Column("same_ids", LargeBinary),  # of hits that look the same as the query
    Column("include_self", Boolean, nullable=False, server_default=true()),
    Column("neighbors", Integer, nullable=False, server_default="0"),
    Column("images", Integer, nullable=False, server_default="0"),
    Column("loose_cosine", Float(53)),  # this and the next two: from where hits counted as such
    Column("close_cosine", Float(53)),
    Column("very_close_cosine", Float(53)),
    Column("same_things", LargeBinary),  # hits that were verified by keypoints, see same_things.py
    Column("simulated", Boolean, nullable=False, server_default=false()),  # no person asked
    Column("filters", Text),  # what hits had to meet, as JSON; NULL where nothing
    Index("ix_queries_at", "at"),
)

interactions = Table(
    "interactions",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("query_id", String, ForeignKey("queries.id"), nullable=False),
    Column("image_id", _ImageId, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("dwell_seconds", Float(53)),
    Column("grid_row", Integer),  # this and the next four: where it stood, as far as the page told
    Column("grid_column", Integer),
    Column("fold", Integer),
    Column("x", Float(53)),
    Column("y", Float(53)),
    Column("client_id", String),
    Column("session_id", String),
    Column("user_id", String),
    Column("application", String),
    Column("simulated", Boolean, nullable=False),
    CheckConstraint("kind IN ('impression', 'click', 'dwell', 'save', 'not_similar')", name="ck_interactions_kind"),
    Index("ix_interactions_query_id", "query_id"),
    Index("ix_interactions_at_event_id", "at", "event_id"),
)

# No foreign key to images: what is deleted and comes back is in its collections as before.
collections = Table(
    "collections",
    metadata,
    Column("name", String, primary_key=True),
    Column("version", String(16), nullable=False),  # another one after each change of its images
    Column("created_at", UtcTime, nullable=False),
)

collection_images = Table(
    "collection_images",
    metadata,
    Column("collection", String, ForeignKey("collections.name", ondelete="CASCADE"), primary_key=True),
    Column("image_id", _ImageId, primary_key=True),
    Column("added_at", UtcTime, nullable=False),
    Index("ix_collection_images_image_id", "image_id"),
)

# Only the hash of a key is kept; see keys.py.
api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String(8), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),  # between commas
    Column("owner_id", String),
    Column("requests_per_minute", Integer),
    Column("concurrent_requests", Integer),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", Message, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", Message, nullable=False),
    Column("details", Message, nullable=False),
    Index("ix_audit_log_subject", "subject"),
)

blocked_pictures = Table(
    "blocked_pictures",
    metadata,
    Column("image_id", _ImageId, primary_key=True),
    Column("difference_hash", UnsignedWord, nullable=False),
    Column("colour_signature", LargeBinary),
    Column("note", Message, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# What moderation found, and what people decided. No foreign key to images: a decision holds for the same bytes when
# they come again. Images that it hides are `blocked`; the `visibility` here is what they have otherwise.
moderated_images = Table(
    "moderated_images",
    metadata,
    Column("image_id", _ImageId, primary_key=True),
    Column("state", String(7), nullable=False),
    Column("reason", Message, nullable=False),
    Column("scores", Text, nullable=False),  # JSON: from 0 to 1 by `classifier/label`
    Column("classifiers", String, nullable=False),  # fingerprints of those that gave the scores
    Column("untrusted", Boolean, nullable=False),  # came with a key that is not trusted, and waits whatever the scores
    Column("visibility", String(7), nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("decided_by", Message),
    Column("decided_at", UtcTime),
    CheckConstraint("state IN ('shown', 'blurred', 'held', 'blocked')", name="ck_moderated_images_state"),
    Index("ix_moderated_images_state_since", "state", "since", "image_id"),
    sqlite_with_rowid=False,
)

judgement_sets = Table(
    "judgement_sets",
    metadata,
    Column("name", String, primary_key=True),
    Column("rule", Message, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

grades = Table(
    "judgements",
    metadata,
    Column("set_name", String, ForeignKey("judgement_sets.name", ondelete="CASCADE"), primary_key=True),
    Column("query_image_id", _ImageId, primary_key=True),
    Column("crop", String, primary_key=True),  # x,y,width,height in fractions, "" for the whole image
    Column("image_id", _ImageId, primary_key=True),
    Column("user_id", String, primary_key=True),  # "" where nobody is named: a key has no NULL
    Column("source", String, primary_key=True),
    Column("grade", SmallInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    CheckConstraint("grade BETWEEN 0 AND 5", name="ck_judgements_grade"),
)

experiments = Table(
    "experiments",
    metadata,
    Column("name", String, primary_key=True),
    Column("running", SmallInteger),  # 1 while it runs, else NULL: so one runs at most
    Column("kind", String(16), nullable=False),
    Column("challenger", String, nullable=False),
    Column("control", String, nullable=False),
    Column("share", Float(53), nullable=False),
    Column("seed", String, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("stopped_at", UtcTime),
    Column("reason", Message, nullable=False),
    Column("plan", Text, nullable=False),  # JSON
    Index("ix_experiments_running", "running", unique=True),
)

experiment_queries = Table(
    "experiment_queries",
    metadata,
    Column("query_id", String, ForeignKey("queries.id", ondelete="CASCADE"), primary_key=True),
    Column("experiment", String, ForeignKey("experiments.name"), nullable=False),
    Column("arm", String(16), nullable=False),
    Column("teams", LargeBinary, nullable=False),  # a byte for each hit
    Index("ix_experiment_queries_experiment", "experiment"),
)

# Pairs that wait for a grade; one that has got it is found by its grade, and stays here until the queue is filled anew.
grading_queue = Table(
    "grading_queue",
    metadata,
    Column("set_name", String, primary_key=True),
    Column("query_image_id", _ImageId, primary_key=True),
    Column("crop", String, primary_key=True),  # as in `judgements`
    Column("image_id", _ImageId, primary_key=True),
    Column("number", Integer, nullable=False),  # in which order they are to be graded
    Column("strategy", String, nullable=False),
    Column("added_at", UtcTime, nullable=False),
)
