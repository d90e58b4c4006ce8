"""Triplets: a query is to be closer to its positive than to its negative, by a margin."""

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.training.network.losses.cross_entropy import distances, unit_rows


def triplet_margin(
    queries: Tensor,
    candidates: Tensor,
    positives: Tensor,
    *,
    margin: float = 0.2,
    never_negative: Tensor | None = None,
) -> Tensor:
    """The triplet loss over the hardest triplet of each query, on unit vectors: a scalar, 0 where there is none.

    A query's triplet is its farthest positive and its nearest negative (Hermans, Beyer and Leibe 2017, "In defense of
    the triplet loss for person re-identification"): mean of max(0, |q - p| - |q - n| + margin).

    Args:
        queries: [b, d].
        candidates: [n, d] or [b, n, d].
        positives: [b, n] bool, the candidates that answer each query; all others are negatives.
        margin: in Euclidean distance of unit vectors, 0 to 2.
        never_negative: [b, n] bool, candidates that are left out unless they are positives.
    """
    negatives = ~positives if never_negative is None else ~positives & ~never_negative
    apart = distances(unit_rows(queries), unit_rows(candidates))
    farthest = apart.masked_fill(~positives, -torch.inf).amax(dim=1)
    nearest = apart.masked_fill(~negatives, torch.inf).amin(dim=1)
    usable = positives.any(dim=1) & negatives.any(dim=1)
    zero = torch.zeros_like(farthest)
    losses = functional.relu(torch.where(usable, farthest, zero) - torch.where(usable, nearest, zero) + margin)
    return (losses * usable).sum() / usable.sum().clamp(min=1)
