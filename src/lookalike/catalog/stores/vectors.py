"""Vectors of images, by the fingerprint of the model that made them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import vectors
from lookalike.catalog.database import Database
from lookalike.catalog.records import VectorBlock
from lookalike.catalog.vectors import VectorReading
from lookalike.columns import ImageRows
from lookalike.types import WHOLE_IMAGE, Image, RowKey, Vectors


class StoredVectors:
    """The vectors of every model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, fingerprint: str, image_ids: Sequence[str], vectors_of: Vectors, columns: ImageRows | None = None
    ) -> None:
        """Keep a model's vectors of whole images; those of images deleted meanwhile are left out.

        Args:
            fingerprint: of the model.
            image_ids: one for each row.
            vectors_of: [images, dimension] unit rows; kept as float16.
            columns: [images], what was seen of them; kept where not everything was known, as of images that an
                earlier version indexed.

        Raises:
            VectorsRefused: another dimension than the model's others, not finite, or not of unit length.
        """
        keys = [(image_id, WHOLE_IMAGE) for image_id in image_ids]
        described = {} if columns is None else dict(zip(image_ids, columns, strict=True))
        with self._database.changing() as change:
            written = vectors.add_vectors(change, fingerprint, keys, vectors_of)
            change.touch(written | vectors.describe(change, described))

    def add_regions(self, fingerprint: str, keys: Sequence[RowKey], vectors_of: Vectors) -> None:
        """Keep a model's vectors of regions of images; those of images deleted meanwhile are left out.

        Args:
            fingerprint: of the model.
            keys: image and region, one for each row. The vector of the whole image must be there.
            vectors_of: [rows, dimension] unit rows; kept as float16.

        Raises:
            VectorsRefused: as for `add`, or an image of which the model has no vector as a whole.
        """
        with self._database.changing() as change:
            change.touch(vectors.add_vectors(change, fingerprint, keys, vectors_of))

    def get(self, fingerprint: str, image_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """[dimension] float32 by id, of those live images that this model has a vector of as a whole."""
        rows = self.of_regions(fingerprint, image_ids)
        return {image_id: vector for (image_id, region), vector in rows.items() if region == WHOLE_IMAGE}

    def of_regions(self, fingerprint: str, image_ids: Sequence[str]) -> dict[RowKey, NDArray[np.float32]]:
        """[dimension] float32 by image and region: every vector that this model has of those live images."""
        with self._database.reading() as connection:
            return vectors.read_vectors(connection, fingerprint, image_ids)

    @contextmanager
    def reading(self, fingerprint: str) -> Iterator[VectorReading]:
        """All vectors of a model and the watermark they belong to, as of one moment, while the context is open."""
        with self._database.reading() as connection:
            yield VectorReading(connection, fingerprint)

    def blocks(self, fingerprint: str, *, block: int = 10_000) -> Iterator[VectorBlock]:
        """Every vector of that model, in ascending order of image and region, as of one moment."""
        with self.reading(fingerprint) as now:
            yield from now.blocks(block)

    def images_without(self, fingerprint: str, *, limit: int, after: str = "", or_columns: bool = False) -> list[Image]:
        """Live, readable images this model has no vector of, in ascending order of id.

        Args:
            fingerprint: of the model.
            limit: how many images at most.
            after: only images of a higher id.
            or_columns: also those that an earlier version indexed, of which not all is known that is kept now.
        """
        with self._database.reading() as connection:
            return vectors.without_vectors(connection, fingerprint, limit=limit, after=after, or_columns=or_columns)
