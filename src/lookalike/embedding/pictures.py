"""Bytes to vectors by one model: the one way from a picture to its vector, for indexing and for queries."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.encoder import Encoder
from lookalike.preprocessing import Limits, Prepared, Preparer, prepare
from lookalike.preprocessing.limits import DEFAULT_LIMITS
from lookalike.types import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureEncoder:
    """An opened model, and which pictures are decoded for it. Thread-safe.

    Attributes:
        encoder: the model.
        limits: tested before decoding.
        decoding: what prepares pictures.
    """

    encoder: Encoder
    limits: Limits = DEFAULT_LIMITS
    decoding: Preparer = prepare

    def prepare(self, content: bytes, *, name: str, crop: Box | None = None) -> Prepared:
        """A picture, or a part of it, as the model's input.

        Args:
            content: the file.
            name: what the caller calls it, for messages.
            crop: the part of the upright picture; None for all of it.

        Raises:
            ImageRefused: the bytes are not an image we accept.
            CropRefused: the crop leaves the picture.
        """
        return self.decoding(content, self.encoder.preprocessing, name=name, limits=self.limits, crop=crop)

    def encode(self, prepared: Prepared) -> NDArray[np.float32]:
        """The vector of a prepared picture, [dimension] float32, with the precision of stored ones."""
        return stored_precision(self.encoder.encode_image(prepared.rows))

    def vector(self, content: bytes, *, name: str) -> NDArray[np.float32]:
        """The vector of a whole picture, [dimension] float32, with the precision of stored ones.

        Args:
            content: the file.
            name: what the caller calls it, for messages.

        Raises:
            ImageRefused: the bytes are not an image we accept.
        """
        return self.encode(self.prepare(content, name=name))


def stored_precision(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """A vector rounded as the catalog rounds stored ones, so that a picture meets itself at cosine 1."""
    return vector.astype(np.float16).astype(np.float32)
