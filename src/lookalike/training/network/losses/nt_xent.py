"""SimCLR's loss: two views of each image find each other among the views of all images of the batch."""

import torch
from torch import Tensor

from lookalike.training.network.losses.cross_entropy import contrastive_cross_entropy
from lookalike.training.network.losses.masks import itself


def nt_xent(first: Tensor, second: Tensor, *, temperature: float = 0.1, never_negative: Tensor | None = None) -> Tensor:
    """Normalised temperature-scaled cross-entropy over 2 b views: a scalar.

    Chen et al. 2020, "A simple framework for contrastive learning of visual representations", equation 1: each view is
    a query, the other view of its image the positive, the 2 b - 2 views of other images the negatives.

    Args:
        first: [b, d], one view of each image.
        second: [b, d], another view of each, in the same order.
        temperature: above 0.
        never_negative: [b, b] bool, pairs of images that must not push each other away (see `masks.same_group`).
    """
    images = len(first)
    views = torch.cat([first, second])
    left_out = itself(2 * images, device=views.device)
    if never_negative is not None:
        left_out = left_out | never_negative.repeat(2, 2)
    positives = torch.arange(2 * images, device=views.device).roll(images)
    return contrastive_cross_entropy(views, views, positives, temperature=temperature, never_negative=left_out)
