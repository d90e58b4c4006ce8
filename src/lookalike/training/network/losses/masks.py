"""Which candidates must not be negatives: they look the same as the query, or belong to the same group."""

import torch
from torch import Tensor

NO_GROUP = -1


def same_group(query_groups: Tensor, candidate_groups: Tensor) -> Tensor:
    """[b, n] bool: pairs of one group, for `never_negative`.

    Args:
        query_groups: [b] int64, of near-duplicates or of images that people filed together; -1 for "in none".
        candidate_groups: [n] or [b, n] int64, likewise.
    """
    queries = query_groups[:, None]
    return (queries == candidate_groups) & (queries != NO_GROUP)


def itself(count: int, *, device: torch.device | None = None) -> Tensor:
    """[count, count] bool: the diagonal, where every row is compared with itself."""
    return torch.eye(count, dtype=torch.bool, device=device)
