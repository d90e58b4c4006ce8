import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning import losses as pml
from torch.nn import functional

from lookalike.training.network.losses import (
    KeyQueue,
    follow,
    moco,
)
from training.network.losses.slowly import CLOSE, near, slow_cross_entropy, vectors


def test_moco_is_as_torch_and_the_loop_say():
    queries, keys, queue = vectors(3, 4).float(), vectors(3, 4, seed=1).float(), KeyQueue(8, 4)
    earlier = vectors(5, 4, seed=2).float()
    queue.push(earlier)
    loss = moco(queries, keys, queue, temperature=0.2)
    normal = functional.normalize
    own = (normal(queries) * normal(keys)).sum(dim=1, keepdim=True)
    logits = torch.cat([own, normal(queries) @ normal(earlier).T], dim=1) / 0.2
    assert near(loss, functional.cross_entropy(logits, torch.zeros(3, dtype=torch.int64)), CLOSE)
    slow = [
        slow_cross_entropy(queries[row], torch.cat([keys[row : row + 1], earlier]), {0: 1.0}, temperature=0.2)
        for row in range(3)
    ]
    assert near(loss, np.mean(slow), CLOSE)


def test_moco_is_as_a_library_says_whose_negatives_are_a_reference_set():
    queries, keys, queue = vectors(1, 4).float(), vectors(1, 4, seed=1).float(), KeyQueue(6, 4)
    queue.push(vectors(6, 4, seed=2).float())
    reference = torch.cat([keys, queue.vectors])
    theirs = pml.NTXentLoss(temperature=0.2)(
        queries, torch.tensor([0]), ref_emb=reference, ref_labels=torch.tensor([0, 1, 2, 3, 4, 5, 6])
    )
    assert near(moco(queries, keys, queue, temperature=0.2), theirs, CLOSE)


def test_queued_keys_of_a_group_are_not_its_negatives():
    queries, keys = vectors(2, 4).float(), vectors(2, 4, seed=1).float()
    with_group, without = KeyQueue(4, 4), KeyQueue(4, 4)
    other = vectors(2, 4, seed=2).float()
    with_group.push(torch.cat([queries, other]), groups=torch.tensor([3, 3, -1, -1]))
    without.push(other)
    loss = moco(queries, keys, with_group, groups=torch.tensor([3, 3]))
    assert near(loss, moco(queries, keys, without), CLOSE)


def test_no_gradient_reaches_keys_and_some_reaches_queries():
    queries, keys = vectors(2, 4).float().requires_grad_(), vectors(2, 4, seed=1).float().requires_grad_()
    queue = KeyQueue(4, 4)
    queue.push(vectors(3, 4, seed=2).float())
    moco(queries, keys, queue).backward()
    assert keys.grad is None
    assert queries.grad.abs().sum() > 0


@given(st.integers(1, 9), st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_the_queue_holds_the_latest_keys(size, batches):
    queue, everything = KeyQueue(size, 2), []
    for count in batches:
        numbers = torch.arange(len(everything), len(everything) + count, dtype=torch.int64)
        everything += numbers.tolist()
        queue.push(torch.ones(count, 2), groups=numbers)
    _, groups = queue.keys()
    assert sorted(groups.tolist()) == everything[-size:]


def test_the_momentum_copy_follows_slowly():
    model, copy = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    before = copy.weight.detach().clone()
    follow(copy, model, momentum=0.9)
    assert torch.allclose(copy.weight, 0.9 * before + 0.1 * model.weight, atol=1e-7)
