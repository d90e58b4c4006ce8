"""The loss that the others are made of, against torch and against a loop that follows the formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lookalike.training.network.losses import (
    contrastive_cross_entropy,
    graded_listwise,
    itself,
    similarities,
    triplet_margin,
)
from training.network.losses.slowly import near, slow_cross_entropy, vectors


@pytest.mark.parametrize("similarity", ["dot", "cosine", "euclidean"])
def test_one_positive_among_own_candidates_is_as_the_loop_says(similarity):
    queries, candidates, labels = vectors(5, 4), vectors(5, 7, 4, seed=1), torch.tensor([0, 6, 3, 3, 2])
    slow = [
        slow_cross_entropy(
            queries[row], candidates[row], {int(labels[row]): 1.0}, similarity=similarity, temperature=0.5
        )
        for row in range(5)
    ]
    loss = contrastive_cross_entropy(queries, candidates, labels, similarity=similarity, temperature=0.5)
    assert near(loss, np.mean(slow))


@pytest.mark.parametrize("similarity", ["dot", "cosine", "euclidean"])
def test_in_batch_candidates_are_as_torch_says_and_as_own_ones(similarity):
    queries, candidates, labels = vectors(6, 4), vectors(9, 4, seed=1), torch.tensor([1, 2, 3, 8, 5, 0])
    loss = contrastive_cross_entropy(queries, candidates, labels, similarity=similarity, temperature=0.3)
    theirs = {
        "dot": queries @ candidates.T,
        "cosine": functional.cosine_similarity(queries[:, None], candidates[None], dim=-1),
        "euclidean": -torch.linalg.vector_norm(queries[:, None] - candidates[None], dim=-1),
    }[similarity]
    assert near(loss, functional.cross_entropy(theirs / 0.3, labels))
    own = candidates.expand(6, -1, -1)
    assert near(loss, contrastive_cross_entropy(queries, own, labels, similarity=similarity, temperature=0.3))


def test_shares_of_probability_are_as_torch_says():
    queries, candidates = vectors(4, 3), vectors(6, 3, seed=1)
    shares = torch.softmax(vectors(4, 6, seed=2), dim=1)
    theirs = functional.cross_entropy(functional.normalize(queries) @ functional.normalize(candidates).T / 0.1, shares)
    assert near(contrastive_cross_entropy(queries, candidates, shares), theirs)


def test_what_may_not_be_a_negative_changes_nothing_wherever_it_is():
    queries, candidates, labels = vectors(3, 4), vectors(5, 4, seed=1), torch.tensor([0, 1, 2])
    left_out = torch.zeros(3, 5, dtype=torch.bool)
    left_out[:, 4] = True
    left_out[0, 0] = True  # a positive stays
    loss = contrastive_cross_entropy(queries, candidates, labels, never_negative=left_out)
    assert near(loss, contrastive_cross_entropy(queries, candidates[:4], labels))
    slow = [slow_cross_entropy(queries[row], candidates, {row: 1.0}, left_out={4}) for row in range(3)]
    assert near(loss, np.mean(slow))
    moved = candidates.clone()
    moved[4] = queries[0]
    assert near(loss, contrastive_cross_entropy(queries, moved, labels, never_negative=left_out))


def test_a_query_without_positive_counts_neither_above_nor_below_the_line():
    queries = vectors(2, 3).requires_grad_()
    shares = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    everything = torch.ones(2, 2, dtype=torch.bool)
    candidates = vectors(2, 3, seed=1)
    loss = contrastive_cross_entropy(queries, candidates, shares, never_negative=everything & (shares == 0))
    assert near(loss.detach(), 0)
    loss.backward()
    assert queries.grad is not None
    assert torch.isfinite(queries.grad).all()


@settings(max_examples=5)  # each is dozens of evaluations
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from(["dot", "cosine", "euclidean"]))
def test_gradients_are_those_of_finite_differences(seed, count, similarity):
    queries = vectors(3, 4, seed=seed).requires_grad_()
    candidates = vectors(count, 4, seed=seed + 1).requires_grad_()
    labels = torch.arange(3) % count
    torch.autograd.gradcheck(
        lambda q, c: contrastive_cross_entropy(q, c, labels, similarity=similarity, temperature=1.0),
        (queries, candidates),
        atol=1e-4,
    )


def test_equal_vectors_have_a_gradient_that_is_a_number():
    same = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    loss = contrastive_cross_entropy(same, same, torch.arange(4), similarity="euclidean")
    pairs = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=torch.bool)
    (loss + triplet_margin(same, same, pairs, never_negative=itself(4))).backward()
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()


@pytest.mark.parametrize(
    ("targets", "words"),
    [(torch.tensor([0, 1, 0]), r"\(3,\)"), (torch.zeros(2), "float32"), (torch.zeros(2, 4), r"\[2, 3\] shares")],
)
def test_targets_that_do_not_fit_are_refused(targets, words):
    with pytest.raises(ValueError, match=words):
        contrastive_cross_entropy(vectors(2, 4), vectors(3, 4), targets)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="manhattan"):
        similarities(vectors(2, 4), vectors(2, 4), similarity="manhattan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cubic"):
        graded_listwise(vectors(2, 4), vectors(2, 4), torch.zeros(2, 2, dtype=torch.int64), gain="cubic")  # type: ignore[arg-type]
