"""Learning from grades 0 to 5: the better an image answers the query, the more of the probability it should have."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from lookalike.training.network.losses.cross_entropy import Similarity, contrastive_cross_entropy

Gain: TypeAlias = Literal["linear", "exponential"]

UNJUDGED = -1


def graded_listwise(
    queries: Tensor,
    candidates: Tensor,
    grades: Tensor,
    *,
    similarity: Similarity = "cosine",
    temperature: float = 0.1,
    gain: Gain = "linear",
    unjudged_are_negatives: bool = True,
    never_negative: Tensor | None = None,
) -> Tensor:
    """Cross-entropy with shares of probability that are proportional to the gains of the grades: a scalar.

    The listwise softmax loss with gains as relevance: Cao et al. 2007, "Learning to rank: from pairwise approach to
    listwise approach" (ListNet's top-one probability); Bruch et al. 2019, "An analysis of the softmax cross entropy
    loss for learning-to-rank with binary relevance", show that it bounds nDCG. With one grade above 0 in a list it is
    `contrastive_cross_entropy`.

    Args:
        queries: [b, d].
        candidates: [n, d] or [b, n, d].
        grades: [b, n] int64, 0 (unrelated) to 5 (the same), -1 where nobody judged.
        similarity: see `similarities`.
        temperature: above 0.
        gain: `linear`, the grade itself (as this package's nDCG); `exponential`, 2^grade - 1.
        unjudged_are_negatives: whether what nobody judged counts as grade 0, or is left out.
        never_negative: [b, n] bool, see `contrastive_cross_entropy`.

    Raises:
        ValueError: an unknown gain.
    """
    if gain not in get_args(Gain):
        raise ValueError(f"gain is {gain!r}; it must be one of {', '.join(get_args(Gain))}")
    judged = grades.clamp(min=0).to(queries.dtype)
    gains = judged if gain == "linear" else torch.exp2(judged) - 1
    shares = gains / gains.sum(dim=1, keepdim=True).clamp(min=1)
    left_out = torch.zeros_like(shares, dtype=torch.bool) if unjudged_are_negatives else grades == UNJUDGED
    if never_negative is not None:
        left_out = left_out | never_negative
    return contrastive_cross_entropy(
        queries, candidates, shares, similarity=similarity, temperature=temperature, never_negative=left_out
    )
