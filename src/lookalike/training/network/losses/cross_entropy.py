"""The loss that the others build on: similarity, softmax with a temperature, cross-entropy."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn import functional

Similarity: TypeAlias = Literal["dot", "cosine", "euclidean"]


def contrastive_cross_entropy(
    queries: Tensor,
    candidates: Tensor,
    targets: Tensor,
    *,
    similarity: Similarity = "cosine",
    temperature: float = 0.1,
    never_negative: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the softmax of a query's similarities to its candidates: a scalar, the mean over queries.

    van den Oord et al. 2018, "Representation learning with contrastive predictive coding" (InfoNCE).

    Args:
        queries: [b, d] float.
        candidates: [n, d], the same for every query (in-batch negatives); or [b, n, d], each query's own.
        targets: [b] int64, the index of the positive; or [b, n] float, rows that sum to 1: how much of the probability
            each candidate should have (several positives, grades, a teacher). A row of zeros adds nothing, and is not
            counted in the mean.
        similarity: see `similarities`.
        temperature: above 0; small ones look at the hardest negatives only.
        never_negative: [b, n] bool, candidates that are left out of the softmax of a query (they look the same as it,
            belong to its group, or are the query itself), unless they are its positives.

    Returns:
        A scalar, 0 when no query has a positive.
    """
    wanted = _as_distribution(targets, len(queries), candidates.shape[-2], queries.dtype)
    counted = (wanted > 0).any(dim=1)

    # 1. Similarity of each query and each candidate, [b, n].
    alike = similarities(queries, candidates, similarity=similarity)

    # 2. Softmax with temperature: the share of probability of each candidate, as a logarithm, [b, n].
    logits = alike / temperature
    if never_negative is not None:
        logits = logits.masked_fill(never_negative & (wanted == 0) & counted[:, None], -torch.inf)
    log_probabilities = functional.log_softmax(logits, dim=1)

    # 3. Cross-entropy with what is wanted, [b]; where nothing is wanted, 0 * -inf must stay 0.
    losses = -(wanted * log_probabilities.masked_fill(wanted == 0, 0)).sum(dim=1)
    return losses.sum() / counted.sum().clamp(min=1)


def similarities(queries: Tensor, candidates: Tensor, *, similarity: Similarity) -> Tensor:
    """How alike queries and candidates are, [b, n].

    `dot` is q . c, `cosine` the dot product of both at unit length, `euclidean` the negative distance -|q - c|.

    Args:
        queries: [b, d].
        candidates: [n, d] or [b, n, d].
        similarity: one of the three.

    Raises:
        ValueError: another name.
    """
    if similarity not in get_args(Similarity):
        raise ValueError(f"similarity is {similarity!r}; it must be one of {', '.join(get_args(Similarity))}")
    if similarity == "cosine":
        queries, candidates = unit_rows(queries), unit_rows(candidates)
    if similarity == "euclidean":
        return -distances(queries, candidates)
    if candidates.dim() == 2:  # noqa: PLR2004 - [n, d]
        return queries @ candidates.T
    return torch.einsum("bd,bnd->bn", queries, candidates)


def unit_rows(vectors: Tensor) -> Tensor:
    """Rows scaled to length 1 along the last axis; a row of zeros stays one."""
    return functional.normalize(vectors, dim=-1, eps=1e-12)


def distances(queries: Tensor, candidates: Tensor) -> Tensor:
    """Euclidean distances, [b, n], whose gradient at distance 0 is 0 and not NaN.

    Args:
        queries: [b, d].
        candidates: [n, d] or [b, n, d].
    """
    differences = "donot_use_mm_for_euclid_dist"  # through products, near vectors lose half of their digits
    if candidates.dim() == 2:  # noqa: PLR2004 - [n, d]
        return torch.cdist(queries, candidates, compute_mode=differences)
    return torch.cdist(queries[:, None], candidates, compute_mode=differences)[:, 0]


def _as_distribution(targets: Tensor, queries: int, candidates: int, dtype: torch.dtype) -> Tensor:
    """[b, n]: one-hot rows for labels, distributions as they are.

    Raises:
        ValueError: a shape that does not fit.
    """
    if targets.shape == (queries,) and not targets.is_floating_point():
        return functional.one_hot(targets, candidates).to(dtype)
    if targets.shape != (queries, candidates):
        raise ValueError(
            f"targets of shape {tuple(targets.shape)} and type {targets.dtype}: give [{queries}] labels, or"
            f" [{queries}, {candidates}] shares"
        )
    return targets.to(dtype)
