"""Distillation: a small model learns the similarities of a larger one."""

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.training.network.losses.cross_entropy import contrastive_cross_entropy, similarities
from lookalike.training.network.losses.masks import itself


def similarity_distillation(
    student: Tensor, teacher: Tensor, *, temperature: float = 0.1, teacher_temperature: float = 0.1
) -> Tensor:
    """Kullback-Leibler divergence of the student's similarities from the teacher's: a scalar, 0 when equal.

    Each image of the batch is a query and all others its candidates; the teacher's softmax over them is what the
    student's should be. Fang et al. 2021, "SEED: self-supervised distillation for visual representation", with the
    batch as its queue.

    Args:
        student: [n, d], n of at least 3 (of two images each has only one candidate, so nothing can be learnt).
        teacher: [n, e] in the same order; no gradient passes.
        temperature: of the student's softmax.
        teacher_temperature: of the teacher's.

    Raises:
        ValueError: fewer than 3 images.
    """
    if len(student) < 3:  # noqa: PLR2004
        raise ValueError(f"{len(student)} images: distillation compares at least 3")
    own = itself(len(student), device=student.device)
    with torch.no_grad():
        logits = similarities(teacher, teacher, similarity="cosine") / teacher_temperature
        shares = functional.softmax(logits.masked_fill(own, -torch.inf), dim=1).to(student.dtype)
        entropy = -torch.special.xlogy(shares, shares).sum(dim=1).mean()
    loss = contrastive_cross_entropy(student, student, shares, temperature=temperature, never_negative=own)
    return torch.sub(loss, entropy)
