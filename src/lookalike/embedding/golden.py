"""Golden vectors: pictures and the vectors that a model must give them, wherever it runs.

They show what no checksum can: that decoding, resizing, conversion, runtime and processor together compute what the
model's maker computed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.types import Batch, Vectors

LEAST_COSINE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Golden:
    """Pictures and their vectors by a model.

    Attributes:
        pictures: [n, height, width, 3] uint8.
        vectors: [n, dimension] float32, of unit length.
        least_cosine: that a vector may have to the stored one. 0.9999 leaves room for the order of additions; models
            whose activations some processors quantise need more room, 0.999.
    """

    pictures: NDArray[np.uint8]
    vectors: Vectors
    least_cosine: float = LEAST_COSINE

    def batch(self, preprocessing: Preprocessing) -> Batch:
        """The pictures as a model's input, [n, 3, size, size] float32."""
        return np.stack([transform(pixels, preprocessing) for pixels in self.pictures])

    def check(self, encode: Callable[[Batch], Vectors], preprocessing: Preprocessing, *, name: str) -> float:
        """Encode the pictures and compare; returns the least cosine to the stored vectors.

        Args:
            encode: batches to unit vectors.
            preprocessing: of the model.
            name: of the model, for the message.

        Raises:
            ModelRefused: a vector has another dimension, or is further away than `least_cosine` allows.
        """
        found = encode(self.batch(preprocessing))
        if found.shape != self.vectors.shape:
            raise ModelRefused(
                f"{name}: its golden vectors have {self.vectors.shape[1]} values, but it gives {found.shape[1]}"
            )
        cosines = np.einsum("nd,nd->n", found, self.vectors, dtype=np.float64)
        least = float(cosines.min())
        if not least >= self.least_cosine:
            raise ModelRefused(
                f"{name}: does not reproduce its golden vectors: picture {int(cosines.argmin()) + 1} of {len(found)}"
                f" has the cosine {least:.5f}, below {self.least_cosine:g}. The weights, the preprocessing or the"
                " runtime are not those that the model was made with; another runtime may help"
                " (`pip install 'lookalike[onnxruntime]'`)"
            )
        return least

    def save(self, file: Path) -> None:
        """Writes an `.npz`."""
        np.savez_compressed(
            file, pictures=self.pictures, vectors=self.vectors.astype("<f4"), least_cosine=np.float64(self.least_cosine)
        )

    @classmethod
    def load(cls, file: Path) -> "Golden":
        """Reads what `save` wrote.

        Raises:
            ModelRefused: missing, damaged, or of shapes that do not fit together.
        """
        try:
            with np.load(file, allow_pickle=False) as arrays:
                pictures, vectors = arrays["pictures"], arrays["vectors"].astype(np.float32)
                least = float(arrays["least_cosine"])
        except Exception as error:  # noqa: BLE001 - a damaged zip raises what its layers happen to raise
            raise ModelRefused(f"{file}: not readable as golden vectors: {error}") from None
        fits = pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[3] == 3  # noqa: PLR2004 - RGB
        fits = fits and vectors.ndim == 2 and 0 < len(vectors) == len(pictures)  # noqa: PLR2004
        if not fits or not -1 <= least <= 1 or not np.isfinite(vectors).all():
            raise ModelRefused(
                f"{file}: pictures {pictures.dtype} {pictures.shape} and vectors {vectors.shape} do not make golden"
                " vectors"
            )
        return cls(pictures=pictures, vectors=vectors, least_cosine=least)
