"""Triplets: an anchor is to be closer to its positive than to its negative, by a margin."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.training.network.losses.cross_entropy import distances, unit_rows
from lookalike.training.network.losses.masks import itself

Mining: TypeAlias = Literal["batch-hard", "semi-hard", "all"]


def triplet_margin(anchors: Tensor, positives: Tensor, negatives: Tensor, *, margin: float = 0.2) -> Tensor:
    """Mean of max(0, |a - p| - |a - n| + margin) over given triplets, on unit vectors: a scalar.

    Args:
        anchors: [t, d].
        positives: [t, d].
        negatives: [t, d].
        margin: in Euclidean distance of unit vectors, 0 to 2.
    """
    anchors = unit_rows(anchors)
    closer = distances(anchors, unit_rows(positives)[:, None])[:, 0]
    farther = distances(anchors, unit_rows(negatives)[:, None])[:, 0]
    return functional.relu(closer - farther + margin).mean()


def mined_triplet_margin(
    vectors: Tensor,
    labels: Tensor,
    *,
    margin: float = 0.2,
    mining: Mining = "batch-hard",
    never_negative: Tensor | None = None,
) -> Tensor:
    """The triplet loss over triplets found in the batch, on unit vectors: a scalar, 0 when none was found.

    `batch-hard`: for each anchor its farthest positive and its nearest negative (Hermans, Beyer and Leibe 2017, "In
    defense of the triplet loss for person re-identification"). `semi-hard`: every triplet whose negative is farther
    than the positive, by less than the margin (Schroff, Kalenichenko and Philbin 2015, "FaceNet"). `all`: every one.

    Args:
        vectors: [n, d].
        labels: [n] int64; images of one label are positives of each other.
        margin: in Euclidean distance of unit vectors.
        mining: see above.
        never_negative: [n, n] bool, pairs of other labels that must not push each other away.

    Raises:
        ValueError: an unknown kind of mining.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"mining is {mining!r}; it must be one of {', '.join(get_args(Mining))}")
    units = unit_rows(vectors)
    apart = distances(units, units)
    same = labels[:, None] == labels
    positive = same & ~itself(len(vectors), device=vectors.device)
    negative = ~same if never_negative is None else ~same & ~never_negative
    if mining == "batch-hard":
        return _batch_hard(apart, positive, negative, margin)
    differences = apart[:, :, None] - apart[:, None, :]  # [anchor, positive, negative]
    chosen = positive[:, :, None] & negative[:, None, :]
    if mining == "semi-hard":
        chosen = chosen & (differences < 0) & (differences > -margin)
    return _mean(functional.relu(differences + margin), chosen)


def _batch_hard(apart: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    farthest = apart.masked_fill(~positive, -torch.inf).amax(dim=1)
    nearest = apart.masked_fill(~negative, torch.inf).amin(dim=1)
    usable = positive.any(dim=1) & negative.any(dim=1)
    zero = torch.zeros_like(farthest)
    losses = functional.relu(torch.where(usable, farthest, zero) - torch.where(usable, nearest, zero) + margin)
    return _mean(losses, usable)


def _mean(losses: Tensor, chosen: Tensor) -> Tensor:
    return (losses * chosen).sum() / chosen.sum().clamp(min=1)
