"""What a cosine means in one library: how many of its own random pairs are no more alike."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lookalike.snapshot.recall import HalfVectors
from lookalike.types import Vectors

_SAMPLE = 2_000  # about two million pairs, so that one in a hundred thousand is still seen twenty times
_ENOUGH = 50  # images whose own pairs say more than a model's reference
_FEWEST = 10  # images whose own pairs say more than nothing at all
_DIMENSION = 256
_DECIMALS = 6
_SLACK = 1e-6  # equal vectors multiplied in another order still count as equal
_SHARES = np.unique(np.concatenate([np.linspace(0, 0.9, 91), 1 - np.logspace(-1, -6, 126), [1.0]]))
"""Shares of the pairs for which a cosine is kept: every hundredth, then 25 for each further digit of 99.99...%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """A quantile table of random-pair cosines.

    A flat cosine threshold means something else for each model and library; a percentile of the library's own pairs
    does not: at 50 an image is as alike as two taken blindly, at 99.9 one pair in a thousand is as alike.

    Attributes:
        cosines: ascending, no two equal.
        shares: of the pairs, 0 to 1, that are no more alike than the cosine at the same place. Ascending.
    """

    cosines: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(
        cls, vectors: Vectors | HalfVectors, *, seed: int = 0, reference: NDArray[np.float32] | None = None
    ) -> "Closeness":
        """From all pairs of a sample of a library.

        Args:
            vectors: [images, dimension] float32 or float16 unit rows.
            seed: of the sample; the same vectors and seed give the same table.
            reference: [n] sorted random-pair cosines to use when there are fewer than 50 images.
        """
        fewest = _FEWEST if reference is None else _ENOUGH
        if len(vectors) < fewest:
            return cls.reference(reference, dimension=vectors.shape[1])
        rows = np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE]
        sample = np.asarray(vectors[np.sort(rows)], dtype=np.float32)
        pairs = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
        return cls._from_quantiles(np.quantile(pairs.astype(np.float64), _SHARES))

    @classmethod
    def reference(cls, cosines: NDArray[np.float32] | None, *, dimension: int = _DIMENSION) -> "Closeness":
        """From cosines that a model was shipped with.

        Args:
            cosines: [n] random-pair cosines, equally likely each. None: unit vectors in random directions are
                assumed, whose cosines are nearly normal with variance 1 / dimension.
            dimension: of the vectors.
        """
        if cosines is not None and len(cosines):
            return cls._from_quantiles(np.quantile(np.asarray(cosines, dtype=np.float64), _SHARES))
        normal = NormalDist(0, 1 / math.sqrt(dimension))
        inner = np.clip(_SHARES, 1e-7, 1 - 1e-7)
        return cls._from_quantiles(np.array([normal.inv_cdf(share) for share in inner]))

    @classmethod
    def _from_quantiles(cls, quantiles: NDArray[np.float64]) -> "Closeness":
        values = np.round(np.clip(quantiles, -1, 1) - _SLACK, _DECIMALS)
        last_of_equals = np.append(values[1:] > values[:-1], True)
        return cls(
            cosines=tuple(values[last_of_equals].tolist()),
            shares=tuple(np.round(_SHARES[last_of_equals], _DECIMALS + 2).tolist()),
        )

    def percentile(self, cosine: float) -> float:
        """The share of random pairs, 0 to 100, that are no more alike than this cosine. Rises with it; never NaN."""
        if math.isnan(cosine) or cosine < self.cosines[0]:
            return 0.0
        above = bisect_right(self.cosines, cosine)
        if above == len(self.cosines):
            return 100.0
        low, high = self.cosines[above - 1], self.cosines[above]
        between = (cosine - low) / (high - low)
        return 100 * (self.shares[above - 1] + between * (self.shares[above] - self.shares[above - 1]))
