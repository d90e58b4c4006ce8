import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from lookalike.training.network.losses import (
    similarity_distillation,
)
from training.network.losses.slowly import CLOSE, alike, near, slow_cross_entropy, vectors


def test_distillation_is_as_torch_and_the_loop_say():
    student, teacher = vectors(6, 3), vectors(6, 5, seed=1)
    loss = similarity_distillation(student, teacher, temperature=0.2, teacher_temperature=0.4)
    slow, ours, theirs = [], [], []
    for row in range(6):
        others = [other for other in range(6) if other != row]
        weights = {o: math.exp(alike(teacher[row], teacher[o], "cosine") / 0.4) for o in others}
        shares = {o: weight / sum(weights.values()) for o, weight in weights.items()}
        entropy = -sum(share * math.log(share) for share in shares.values())
        slow.append(slow_cross_entropy(student[row], student, shares, temperature=0.2, left_out={row}) - entropy)
        ours.append(functional.cosine_similarity(student[row : row + 1], student[others]) / 0.2)
        theirs.append(torch.tensor(list(shares.values()), dtype=torch.float64))
    assert near(loss, np.mean(slow))
    divergence = functional.kl_div(torch.stack(ours).log_softmax(dim=1), torch.stack(theirs), reduction="batchmean")
    assert near(loss, divergence, CLOSE)


def test_a_student_that_is_its_teacher_loses_nothing_and_the_teacher_gets_no_gradient():
    teacher = vectors(6, 3).requires_grad_()
    student = teacher.detach().clone().requires_grad_()
    loss = similarity_distillation(student, teacher)
    assert near(loss.detach(), 0)
    (loss + similarity_distillation(vectors(6, 3, seed=5), teacher)).backward()
    assert teacher.grad is None
    with pytest.raises(ValueError, match="at least 3"):
        similarity_distillation(student[:2], teacher[:2])
