import numpy as np
import pytest
import torch
from torch.nn import functional

from lookalike.training.network.losses import (
    contrastive_cross_entropy,
    graded_listwise,
    similarities,
)
from training.network.losses.slowly import CLOSE, near, slow_cross_entropy, vectors


@pytest.mark.parametrize("gain", ["linear", "exponential"])
@pytest.mark.parametrize("unjudged_are_negatives", [True, False])
def test_graded_listwise_is_as_torch_and_the_loop_say(gain, unjudged_are_negatives):
    queries, candidates = vectors(3, 4), vectors(3, 6, 4, seed=1)
    grades = torch.tensor([[0, 5, 1, 4, 2, -1], [3, -1, -1, 0, 0, 0], [-1, 0, 0, 0, 0, -1]])
    loss = graded_listwise(
        queries, candidates, grades, gain=gain, temperature=0.3, unjudged_are_negatives=unjudged_are_negatives
    )
    slow, logits, shares = [], [], []
    for row in (0, 1):  # the third has no relevant image
        gains = [max(g, 0) if gain == "linear" else 2 ** max(g, 0) - 1 for g in grades[row].tolist()]
        wanted = {place: gain_ / sum(gains) for place, gain_ in enumerate(gains) if gain_}
        out = set() if unjudged_are_negatives else {p for p in range(6) if grades[row, p] == -1}
        slow.append(slow_cross_entropy(queries[row], candidates[row], wanted, temperature=0.3, left_out=out))
        alike_ = functional.cosine_similarity(queries[row : row + 1], candidates[row]) / 0.3
        logits.append(alike_.masked_fill(torch.tensor([p in out for p in range(6)]), -1e9))
        shares.append(torch.tensor([wanted.get(place, 0.0) for place in range(6)], dtype=torch.float64))
    assert near(loss, np.mean(slow))
    assert near(loss, functional.cross_entropy(torch.stack(logits), torch.stack(shares)), CLOSE)


def test_one_relevant_image_makes_the_graded_loss_the_plain_one():
    queries, candidates = vectors(2, 4), vectors(5, 4, seed=1)
    grades = torch.zeros(2, 5, dtype=torch.int64)
    grades[0, 3], grades[1, 0] = 2, 5
    plain = contrastive_cross_entropy(queries, candidates, torch.tensor([3, 0]))
    assert near(graded_listwise(queries, candidates, grades), plain)


def test_descending_the_graded_loss_orders_images_by_grade():
    candidates = vectors(6, 8, seed=3)
    query = vectors(1, 8, seed=4).requires_grad_()
    grades = torch.tensor([[0, 5, 1, 4, 2, 3]])
    optimizer = torch.optim.Adam([query], lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        graded_listwise(query, candidates, grades, temperature=0.5, gain="exponential").backward()
        optimizer.step()
    best = similarities(query, candidates, similarity="cosine")[0].argsort(descending=True)
    assert best[:2].tolist() == [1, 3]
