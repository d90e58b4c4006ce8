"""Vectors: kept as float16, given as float32, never mixed between models."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, bindparam, exists, func, insert, or_, select, tuple_, update

from lookalike.catalog.changing import READ_STATE, Changing, as_state, chunks, is_past
from lookalike.catalog.images import SELECT_IMAGES, VISIBILITIES, from_rows
from lookalike.catalog.records import CatalogState, Change, ChangesSince, VectorBlock, is_image_id
from lookalike.catalog.schema import fingerprints, images, tombstones, vectors
from lookalike.columns import COLUMNS, IMAGE_ROW, ImageRow, rows_of
from lookalike.errors import VectorsRefused
from lookalike.types import WHOLE_IMAGE, Image, RowKey, Vectors, Visibility

STORED_DTYPE = "float16"
UNIT_TOLERANCE = 1e-2
"""How far from 1 a stored vector's length may be: a hundred times what rounding to float16 does."""


_PIECE = 1_000
_CHANGES_A_READ = 10_000
_KEPT = [images.c[column.name] for column in COLUMNS]
_NOT_KNOWN = or_(*(column.is_(None) for column in _KEPT if column.nullable))


def dtype_of(name: str) -> np.dtype[np.floating]:
    """Little-endian, whatever the machine is."""
    return np.dtype(name).newbyteorder("<")


def encode(rows: Vectors) -> list[bytes]:
    """The bytes to keep of each row of [images, dimension].

    Raises:
        VectorsRefused: not two-dimensional, not finite, or not of unit length.
    """
    if rows.ndim != 2 or rows.shape[1] == 0:  # noqa: PLR2004 - rows and columns
        raise VectorsRefused(f"vectors of shape {rows.shape}: must be [images, dimension]")
    if not np.isfinite(rows).all():
        raise VectorsRefused("vectors: every value must be a finite number")
    lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
    if len(lengths) and np.abs(lengths - 1).max() > UNIT_TOLERANCE:
        worst = lengths[np.abs(lengths - 1).argmax()]
        raise VectorsRefused(f"vectors: every row must have length 1, one has {worst:.4f}")
    return [row.tobytes() for row in rows.astype(dtype_of(STORED_DTYPE))]


def decode(stored: Sequence[bytes], *, dimension: int, dtype: str) -> Vectors:
    """[images, dimension] float32.

    Raises:
        VectorsRefused: bytes of another length, which `Catalog.check` names.
    """
    joined = b"".join(stored)
    kind = dtype_of(dtype)
    if len(joined) != len(stored) * dimension * kind.itemsize:
        raise VectorsRefused("stored vectors have the wrong length: run `lookalike verify`")
    return np.frombuffer(joined, dtype=kind).reshape(len(stored), dimension).astype(np.float32)


class StoredModel(NamedTuple):
    """How the vectors of one model are kept."""

    number: int
    dimension: int
    dtype: str


def stored_model(connection: Connection, fingerprint: str) -> StoredModel | None:
    """How a model's vectors are kept; None where none ever were."""
    statement = select(fingerprints.c.number, fingerprints.c.dimension, fingerprints.c.dtype)
    row = connection.execute(statement.where(fingerprints.c.fingerprint == fingerprint)).one_or_none()
    return None if row is None else StoredModel(*row)


def write_vectors(changing: Changing, fingerprint: str, encoded: Mapping[RowKey, bytes]) -> set[str]:
    """Keep those vectors, in place of other ones of the same model.

    Args:
        changing: the transaction.
        fingerprint: of the model.
        encoded: the result of `encode` by the id of a live image and its region.

    Returns:
        The ids of images with a vector that is another now.

    Raises:
        VectorsRefused: another dimension than this model's earlier vectors, or a region of an image of which the
            model has no vector as a whole.
    """
    if not encoded:
        return set()
    number = _number(changing, fingerprint, next(iter(encoded.values())))
    known = _known(changing.connection, number, {image_id for image_id, _ in encoded})
    for image_id, region in encoded:
        if region < WHOLE_IMAGE or ((image_id, WHOLE_IMAGE) not in known and (image_id, WHOLE_IMAGE) not in encoded):
            raise VectorsRefused(f"region {region} of image {image_id}: the vector of the whole image comes first")
    new = {key: vector for key, vector in encoded.items() if key not in known}
    other = {key: vector for key, vector in encoded.items() if known.get(key, vector) != vector}
    changing.execute_many(
        insert(vectors),
        [
            {"fingerprint_number": number, "image_id": image_id, "region": region, "vector": vector}
            for (image_id, region), vector in sorted(new.items())
        ],
    )
    changing.execute_many(
        update(vectors)
        .where(
            vectors.c.fingerprint_number == number,
            vectors.c.image_id == bindparam("of_image"),
            vectors.c.region == bindparam("of_region"),
        )
        .values(vector=bindparam("new_vector")),
        [{"of_image": key[0], "of_region": key[1], "new_vector": vector} for key, vector in other.items()],
    )
    return {image_id for image_id, _ in (*new, *other)}


def _known(connection: Connection, number: int, image_ids: Iterable[str]) -> dict[RowKey, bytes]:
    """The stored vectors of images, by image and region."""
    known: dict[RowKey, bytes] = {}
    for chunk in chunks(image_ids):
        statement = select(vectors.c.image_id, vectors.c.region, vectors.c.vector).where(
            vectors.c.fingerprint_number == number, vectors.c.image_id.in_(chunk)
        )
        known.update(((row.image_id, row.region), bytes(row.vector)) for row in connection.execute(statement))
    return known


def _number(changing: Changing, fingerprint: str, encoded: bytes) -> int:
    dimension = len(encoded) // dtype_of(STORED_DTYPE).itemsize
    model = stored_model(changing.connection, fingerprint)
    if model is None:
        values = {"fingerprint": fingerprint, "dimension": dimension, "dtype": STORED_DTYPE}
        result = changing.connection.execute(insert(fingerprints).values(values).returning(fingerprints.c.number))
        return int(result.scalar_one())
    if model.dimension != dimension:
        raise VectorsRefused(f"vectors of {dimension} dimensions: those of {fingerprint[:12]} have {model.dimension}")
    return model.number


def add_vectors(changing: Changing, fingerprint: str, keys: Sequence[RowKey], rows: Vectors) -> set[str]:
    """Keep vectors of live images; see `StoredVectors.add`. The ids of images with a vector that is another now."""
    encoded = dict(zip(keys, encode(rows), strict=True))
    live: set[str] = set()
    for chunk in chunks({image_id for image_id, _ in keys}):
        live.update(changing.connection.execute(select(images.c.id).where(images.c.id.in_(chunk))).scalars())
    return write_vectors(changing, fingerprint, {key: encoded[key] for key in encoded if key[0] in live})


def describe(changing: Changing, described: Mapping[str, ImageRow]) -> set[str]:
    """Keep what was seen of live images of which not everything is known; which ones those were."""
    lacking: set[str] = set()
    for chunk in chunks(described):
        statement = select(images.c.id).where(images.c.id.in_(chunk), _NOT_KNOWN)
        lacking.update(changing.connection.execute(statement).scalars())
    changing.execute_many(
        update(images)
        .where(images.c.id == bindparam("key"))
        .values({column.name: bindparam(f"new_{column.name}") for column in COLUMNS}),
        [
            {"key": key, **{f"new_{column.name}": column.stored(described[key]) for column in COLUMNS}}
            for key in sorted(lacking)
        ],
    )
    return lacking


def read_vectors(
    connection: Connection, fingerprint: str, image_ids: Iterable[str]
) -> dict[RowKey, NDArray[np.float32]]:
    """[dimension] float32 by image and region, of those live images that have any."""
    model = stored_model(connection, fingerprint)
    if model is None:
        return {}
    stored = _known(connection, model.number, {image_id for image_id in image_ids if is_image_id(image_id)})
    rows = decode(list(stored.values()), dimension=model.dimension, dtype=model.dtype)
    return dict(zip(stored, rows, strict=True))


class VectorReading:
    """One consistent look at all vectors of a model and at the watermark they belong to.

    Attributes:
        state: of the catalog, which the vectors include.
        size: how many vectors of this model live images have.
        dimension: None where no vector of this model was ever kept.
    """

    def __init__(self, connection: Connection, fingerprint: str) -> None:
        self._connection = connection
        self._model = stored_model(connection, fingerprint)
        self.state = as_state(connection.execute(READ_STATE).one())
        self.dimension: int | None = self._model.dimension if self._model else None
        self.size = self._count()

    def _count(self) -> int:
        if self._model is None:
            return 0
        counted = select(func.count()).select_from(vectors).where(vectors.c.fingerprint_number == self._model.number)
        return self._connection.execute(counted).scalar_one()

    def blocks(self, block: int = 10_000) -> Iterator[VectorBlock]:
        """Every vector, in ascending order of image and region, at most `block` at a time.

        Raises:
            VectorsRefused: a stored vector has the wrong length.
        """
        if self._model is None:
            return
        hidden = self._hidden()
        after: RowKey = ("", WHOLE_IMAGE)
        while (read := self._block(self._model, after, block, hidden)) is not None:
            yield read
            after = read.image_ids[-1], int(read.regions[-1])

    def _block(
        self, model: StoredModel, after: RowKey, block: int, hidden: Mapping[str, Visibility]
    ) -> VectorBlock | None:
        """The next `block` vectors, fetched in pieces that stay in the processor's cache: a quarter faster."""
        key = tuple_(vectors.c.image_id, vectors.c.region)
        statement = (
            select(vectors.c.image_id, vectors.c.region, vectors.c.vector, *_KEPT)
            .join(images, images.c.id == vectors.c.image_id)
            .where(
                vectors.c.fingerprint_number == model.number,
                key > tuple_(bindparam("after_image", type_=vectors.c.image_id.type), bindparam("after_region")),
            )
            .order_by(vectors.c.image_id, vectors.c.region)
            .limit(bindparam("most"))
        )
        image_ids: list[str] = []
        regions: list[int] = []
        matrix = np.empty((min(block, self.size), model.dimension), np.float32)
        columns = np.empty(len(matrix), IMAGE_ROW)
        while len(image_ids) < len(matrix):
            most = min(_PIECE, len(matrix) - len(image_ids))
            wanted = {"after_image": after[0], "after_region": after[1], "most": most}
            rows = self._connection.execute(statement, wanted).all()
            if not rows:
                break
            found, of, stored, *kept = zip(*rows, strict=True)
            piece = slice(len(image_ids), len(image_ids) + len(found))
            matrix[piece] = decode(stored, dimension=model.dimension, dtype=model.dtype)
            columns[piece] = rows_of(kept)
            image_ids.extend(found)
            regions.extend(of)
            after = image_ids[-1], regions[-1]
        if not image_ids:
            return None
        return VectorBlock(
            image_ids=image_ids,
            regions=np.array(regions, np.int16),
            vectors=matrix[: len(image_ids)],
            visibilities=[hidden.get(image_id, Visibility.PUBLIC) for image_id in image_ids],
            columns=columns[: len(image_ids)],
        )

    def _hidden(self) -> dict[str, Visibility]:
        """The images that are not public: looking up these few costs less than a join with all images."""
        statement = select(images.c.id, images.c.visibility).where(images.c.visibility != Visibility.PUBLIC.value)
        return {image_id: VISIBILITIES[visibility] for image_id, visibility in self._connection.execute(statement)}


def without_vectors(
    connection: Connection, fingerprint: str, *, limit: int, after: str, or_columns: bool
) -> list[Image]:
    """Some of the live, readable images of which something is missing; see `StoredVectors.images_without`."""
    model = stored_model(connection, fingerprint)
    statement = SELECT_IMAGES.where(images.c.error.is_(None), images.c.id > after)
    if model is not None:
        has_one = exists().where(vectors.c.fingerprint_number == model.number, vectors.c.image_id == images.c.id)
        statement = statement.where(or_(~has_one, _NOT_KNOWN) if or_columns else ~has_one)
    return from_rows(connection, connection.execute(statement.order_by(images.c.id).limit(limit)).all())


def read_changes_since(connection: Connection, state: CatalogState, *, fingerprint: str) -> ChangesSince | None:
    """All changes since a moment, and the present moment; None where the catalog was never in that state."""
    if not is_past(connection, state):
        return None
    now = as_state(connection.execute(READ_STATE).one())
    changes: list[Change] = []
    while True:
        after = changes[-1].sequence if changes else state.sequence
        read = read_changes(connection, after=after, fingerprint=fingerprint, limit=_CHANGES_A_READ)
        changes += read
        if len(read) < _CHANGES_A_READ:
            return ChangesSince(now, tuple(changes))


def read_changes(connection: Connection, *, after: int, fingerprint: str, limit: int) -> list[Change]:
    """The first `limit` changes above `after`; see `ChangeSequence.read`."""
    model = stored_model(connection, fingerprint)
    changed = select(images).where(images.c.sequence > after).order_by(images.c.sequence).limit(limit).subquery()
    of_model = (vectors.c.image_id == changed.c.id) & (vectors.c.fingerprint_number == (model.number if model else -1))
    rows = connection.execute(
        select(
            changed.c.sequence,
            changed.c.id,
            changed.c.visibility,
            vectors.c.region,
            vectors.c.vector,
            *(changed.c[column.name] for column in COLUMNS),
        )
        .select_from(changed.outerjoin(vectors, of_model))
        .order_by(changed.c.sequence, vectors.c.region)
    ).all()
    deleted = connection.execute(
        select(tombstones.c.sequence, tombstones.c.image_id)
        .where(tombstones.c.sequence > after)
        .order_by(tombstones.c.sequence)
        .limit(limit)
    ).all()
    changes = _as_changes(rows, model)
    changes += [Change(number, image_id, True, Visibility.BLOCKED, None) for number, image_id in deleted]
    return sorted(changes, key=lambda change: change.sequence)[:limit]


def _as_changes(rows: Sequence[Row[Any]], model: StoredModel | None) -> list[Change]:
    """One change for each image: the rows of its whole, and behind it those of its other regions."""
    stored = [row.vector for row in rows if row.vector is not None]
    decoded: Iterator[NDArray[np.float32]] = iter(
        decode(stored, dimension=model.dimension, dtype=model.dtype) if model and stored else ()
    )
    columns = rows_of([[row[5 + place] for row in rows] for place in range(len(COLUMNS))])
    changes: list[Change] = []
    for row, kept in zip(rows, columns, strict=True):
        vector = None if row.vector is None else next(decoded)
        if row.region and vector is not None:
            changes[-1] = replace(changes[-1], regions=(*changes[-1].regions, (row.region, vector)))
        else:
            changes.append(Change(row.sequence, row.id, False, VISIBILITIES[row.visibility], vector, kept))
    return changes
