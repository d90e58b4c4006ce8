"""Looking for damage: what `lookalike verify` says about the catalog."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, exists, func, select

from lookalike.blobs import Blobs
from lookalike.catalog.changing import READ_COUNTER
from lookalike.catalog.images import deleted_on_request, with_upload
from lookalike.catalog.records import content_id, is_image_id
from lookalike.catalog.schema import fingerprints, images, sources, tombstones, vectors
from lookalike.catalog.vectors import UNIT_TOLERANCE, dtype_of

_ROWS_AT_ONCE = 5_000


def problems(connection: Connection, originals: Blobs, stored: Sequence[str]) -> Iterator[str]:
    """Every problem found, in words.

    Args:
        connection: to the catalog.
        originals: uploaded bytes.
        stored: ids of uploaded bytes, as they were before the connection's transaction began.
    """
    if connection.dialect.name == "sqlite":
        yield from file_problems(connection)
    yield from _sequence_problems(connection)
    yield from _homeless_images(connection)
    yield from _vector_problems(connection)
    yield from _original_problems(connection, originals)
    yield from _stray_originals(connection, originals, stored)


def file_problems(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong with its file."""
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield f"database file: {message}"
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"database file: row {row} of {table} refers to a row of {parent} that is not there"


def _sequence_problems(connection: Connection) -> Iterator[str]:
    counter = connection.execute(READ_COUNTER).scalar_one_or_none()
    if counter is None:
        yield "the change counter is missing"
        return
    for name, column in (("image", images.c.sequence), ("tombstone", tombstones.c.sequence)):
        highest = connection.execute(select(func.max(column))).scalar()
        if highest is not None and highest > counter:
            yield f"an {name} has change number {highest}, above the counter's {counter}"
    both = select(images.c.id).where(exists().where(tombstones.c.image_id == images.c.id))
    for image_id in connection.execute(both).scalars():
        yield f"image {image_id} is both live and deleted"
    shared = select(images.c.sequence).join(tombstones, tombstones.c.sequence == images.c.sequence)
    for number in connection.execute(shared).scalars():
        yield f"change number {number} was given twice"


def _homeless_images(connection: Connection) -> Iterator[str]:
    homeless = select(images.c.id).where(
        images.c.has_upload.is_(False), ~exists().where(sources.c.image_id == images.c.id)
    )
    for image_id in connection.execute(homeless).scalars():
        yield f"image {image_id} has neither a source nor uploaded bytes"
    nowhere = select(sources.c.path).where(
        sources.c.image_id.is_not(None),
        ~exists().where(images.c.id == sources.c.image_id),
        ~exists().where(tombstones.c.image_id == sources.c.image_id),
    )
    for path in connection.execute(nowhere).scalars():
        yield f"source {path!a} refers to an image that never was"


def _vector_problems(connection: Connection) -> Iterator[str]:
    for number, fingerprint, dimension, dtype in connection.execute(select(fingerprints)).all():
        statement = (
            select(vectors.c.image_id, vectors.c.vector)
            .where(vectors.c.fingerprint_number == number)
            .order_by(vectors.c.image_id)
        )
        result = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
        for rows in result.partitions():
            for image_id, problem in _bad_vectors([(row[0], bytes(row[1])) for row in rows], dimension, dtype):
                yield f"vector of image {image_id} by model {fingerprint[:12]}: {problem}"


def _bad_vectors(rows: list[tuple[str, bytes]], dimension: int, dtype: str) -> Iterator[tuple[str, str]]:
    kind = dtype_of(dtype)
    right = [(image_id, stored) for image_id, stored in rows if len(stored) == dimension * kind.itemsize]
    for image_id, stored in rows:
        if len(stored) != dimension * kind.itemsize:
            yield image_id, f"has {len(stored)} bytes where {dimension * kind.itemsize} belong"
    matrix = np.frombuffer(b"".join(stored for _, stored in right), dtype=kind).reshape(len(right), dimension)
    lengths = np.linalg.norm(matrix.astype(np.float32), axis=1)
    for row in np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE)):  # so that NaN counts as wrong
        whole = bool(np.isfinite(matrix[row]).all())
        yield right[row][0], f"has length {lengths[row]:.4f}" if whole else "has values that are not finite"


def _original_problems(connection: Connection, originals: Blobs) -> Iterator[str]:
    for image_id in connection.execute(select(images.c.id).where(images.c.has_upload.is_(True))).scalars():
        try:
            content = originals.get(image_id)
        except OSError as error:
            yield f"uploaded bytes of image {image_id}: {error.strerror or error}"
            continue
        if content_id(content) != image_id:
            yield f"uploaded bytes of image {image_id} are not those that were uploaded"


def _stray_originals(connection: Connection, originals: Blobs, stored: Sequence[str]) -> Iterator[str]:
    ids = [name for name in stored if is_image_id(name)]
    for name in stored:
        if not is_image_id(name):
            yield f"{originals.place(name)}: does not belong among the uploaded bytes"
    unknown = sorted(set(ids) - with_upload(connection, ids) - deleted_on_request(connection, ids))
    if unknown:
        yield (
            f"uploaded bytes without a record in the catalog: {len(unknown):,} (such as {unknown[0]}); the catalog"
            " may be older than they are. `lookalike index` takes note of them and deletes them after"
            " keep_removed_days, unless a catalog that knows them is put back"
        )
