"""Momentum contrast: negatives from a queue of earlier batches, encoded by a slowly following copy of the model."""

import torch
from torch import Tensor, nn

from lookalike.training.network.losses.cross_entropy import contrastive_cross_entropy, unit_rows
from lookalike.training.network.losses.masks import NO_GROUP, itself, same_group


class KeyQueue(nn.Module):
    """The keys of the latest batches, oldest first out. Its state is part of a checkpoint.

    Args:
        size: keys kept; a multiple of the batch is not needed.
        dimension: of a key.
    """

    vectors: Tensor
    groups: Tensor
    written: Tensor

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(size, dimension))
        self.register_buffer("groups", torch.full((size,), NO_GROUP, dtype=torch.int64))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    def keys(self) -> tuple[Tensor, Tensor]:
        """(vectors [m, d], groups [m]) of what the queue holds: fewer than its size at first."""
        filled = min(int(self.written), len(self.vectors))
        return self.vectors[:filled].clone(), self.groups[:filled].clone()

    @torch.no_grad()
    def push(self, keys: Tensor, groups: Tensor | None = None) -> None:
        """Put the unit vectors of [b, d] keys in the place of the oldest.

        Args:
            keys: [b, d].
            groups: [b] int64 of their images; None for "in none".
        """
        size = len(self.vectors)
        kept = keys[-size:]
        first = int(self.written) + len(keys) - len(kept)
        places = (torch.arange(len(kept), device=keys.device) + first) % size
        self.vectors[places] = unit_rows(kept.detach()).to(self.vectors.dtype)
        self.groups[places] = NO_GROUP if groups is None else groups[-size:]
        self.written += len(keys)


def moco(
    queries: Tensor, keys: Tensor, queue: KeyQueue, *, temperature: float = 0.2, groups: Tensor | None = None
) -> Tensor:
    """Each query finds the key of its own image among the queue's: a scalar. Push the keys afterwards.

    He et al. 2020, "Momentum contrast for unsupervised visual representation learning", equation 1 and algorithm 1.

    Args:
        queries: [b, d], of one view of each image by the model.
        keys: [b, d], of another view by the momentum copy; no gradient passes.
        queue: of keys of earlier batches.
        temperature: above 0.
        groups: [b] int64 of the images; queued keys of a query's group are not its negatives.
    """
    earlier, earlier_groups = queue.keys()
    candidates = torch.cat([unit_rows(keys.detach()), earlier])
    others = ~itself(len(queries), device=queries.device)  # keys of this batch are nobody else's candidates
    grouped = torch.zeros(len(queries), len(earlier), dtype=torch.bool, device=queries.device)
    if groups is not None:
        grouped = same_group(groups, earlier_groups)
    return contrastive_cross_entropy(
        queries,
        candidates,
        torch.arange(len(queries), device=queries.device),
        temperature=temperature,
        never_negative=torch.cat([others, grouped], dim=1),
    )


@torch.no_grad()
def follow(copy: nn.Module, model: nn.Module, *, momentum: float = 0.999) -> None:
    """Move the momentum copy a step towards the model: copy = momentum * copy + (1 - momentum) * model.

    Buffers (the running statistics of batch normalisation) and whatever is not floating are taken over as they are.

    Args:
        copy: of the same architecture, on which no gradient is needed.
        model: being trained.
        momentum: 0 to 1.
    """
    for theirs, ours in zip(copy.parameters(), model.parameters(), strict=True):
        theirs.lerp_(ours.to(theirs.dtype), 1 - momentum)
    for followed, buffer in zip(copy.buffers(), model.buffers(), strict=True):
        followed.copy_(buffer)
