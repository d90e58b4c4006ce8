"""Supervised contrastive loss: all candidates that answer a query are its positives alike."""

from torch import Tensor

from lookalike.training.network.losses.cross_entropy import contrastive_cross_entropy


def supervised_contrastive(
    queries: Tensor,
    candidates: Tensor,
    positives: Tensor,
    *,
    temperature: float = 0.1,
    never_negative: Tensor | None = None,
) -> Tensor:
    """The mean over queries that have a positive, a scalar.

    Khosla et al. 2020, "Supervised contrastive learning", equation 2 (the sum over positives outside the logarithm):
    cross-entropy where all positives of a query share the probability equally.

    Args:
        queries: [b, d].
        candidates: [n, d] or [b, n, d].
        positives: [b, n] bool, the candidates that answer each query.
        temperature: above 0.
        never_negative: [b, n] bool, see `contrastive_cross_entropy`.
    """
    chosen = positives.to(queries.dtype)
    shares = chosen / chosen.sum(dim=1, keepdim=True).clamp(min=1)
    return contrastive_cross_entropy(
        queries, candidates, shares, temperature=temperature, never_negative=never_negative
    )
