"""Training a head on cached, frozen features: the quickest way from grades or clicks to a better ranking.

The head is one matrix, so what comes out is a `Projection` as every model has one: it is served without torch, and
without embedding anything again where it starts from the vectors a library has.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lookalike.embedding.projection import Projection, pair_cosines
from lookalike.errors import TrainingRefused
from lookalike.training.network.batches import Features
from lookalike.types import Vectors


class LinearHead(nn.Module):
    """`features @ weight`, at unit length when compared.

    Args:
        start: [d, k] float32 to begin with, such as a projection's matrix or the identity.
        pull: how strongly the weight is drawn back to the start; see `drift`.
    """

    weight: Tensor
    start: Tensor

    def __init__(self, start: NDArray[np.float32], *, pull: float = 0.0) -> None:
        super().__init__()
        scaled = torch.from_numpy(np.array(start, np.float32)) / float(np.sqrt(np.square(start).mean()))
        self.weight = nn.Parameter(scaled / start.shape[0] ** 0.5)
        self.register_buffer("start", self.weight.detach().clone())
        self.pull = pull

    def forward(self, features: Tensor) -> Tensor:
        """[n, d] to [n, k]."""
        return features @ self.weight

    def drift(self) -> Tensor:
        """What moving away from the start costs: `pull` times the share of its squared length the weight moved."""
        return self.pull * (self.weight - self.start).square().sum() / self.start.square().sum()


def as_projection(
    head: LinearHead, *, features: Features, base: Projection, of: Literal["descriptors", "vectors"]
) -> Projection:
    """What serves instead of `base`, for the same model.

    Args:
        head: trained.
        features: those it was trained on, for the new random-pair cosines.
        base: projection of the model that made them.
        of: `descriptors` when features are raw descriptors less `base.mean`; `vectors` when they are the unit vectors
            that `base` makes. A head over those is `base` and then the head, since a row's length changes no direction.

    Returns:
        A projection with the mean of `base`, whose matrix is rounded to float16 as every projection's.
    """
    weight = head.weight.detach().numpy()
    matrix = weight if of == "descriptors" else base.matrix @ weight
    if matrix.shape[0] != base.mean.size:
        raise TrainingRefused(f"a head of {weight.shape[0]} inputs over {of} does not fit this projection")
    matrix = (matrix / np.abs(matrix).max()).astype(np.float16).astype(np.float32)
    vectors: Vectors = functional.normalize(torch.from_numpy(features) @ head.weight.detach(), dim=1).numpy()
    share = np.full(len(vectors), 1 / len(vectors))
    return Projection(mean=base.mean, matrix=matrix, reference_cosines=pair_cosines(vectors, share))
