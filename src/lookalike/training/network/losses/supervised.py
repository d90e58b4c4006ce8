"""Supervised contrastive loss: images of one label are each other's positives."""

from torch import Tensor

from lookalike.training.network.losses.cross_entropy import contrastive_cross_entropy
from lookalike.training.network.losses.masks import itself


def supervised_contrastive(
    vectors: Tensor, labels: Tensor, *, temperature: float = 0.1, never_negative: Tensor | None = None
) -> Tensor:
    """The mean over images that have a positive in the batch, a scalar.

    Khosla et al. 2020, "Supervised contrastive learning", equation 2 (the sum over positives outside the logarithm):
    cross-entropy where all positives of a query share the probability equally.

    Args:
        vectors: [n, d].
        labels: [n] int64.
        temperature: above 0.
        never_negative: [n, n] bool, pairs of other labels that must not push each other away.
    """
    own = itself(len(vectors), device=vectors.device)
    positives = ((labels[:, None] == labels) & ~own).to(vectors.dtype)
    shares = positives / positives.sum(dim=1, keepdim=True).clamp(min=1)
    left_out = own if never_negative is None else own | never_negative
    return contrastive_cross_entropy(vectors, vectors, shares, temperature=temperature, never_negative=left_out)
