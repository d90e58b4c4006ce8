"""Each loss against an independent library and against a loop that follows the paper's formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning import miners, reducers
from torch.nn import functional

from lookalike.training.network.losses import (
    KeyQueue,
    contrastive_cross_entropy,
    follow,
    graded_listwise,
    itself,
    mined_triplet_margin,
    moco,
    nt_xent,
    same_group,
    similarities,
    similarity_distillation,
    supervised_contrastive,
    triplet_margin,
)

CLOSE = 1e-5
EXACT = 1e-9  # double precision against double precision


def vectors(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def near(value, expected, tolerance=EXACT):
    return float(value) == pytest.approx(float(expected), abs=tolerance)


def alike(query, candidate, similarity):
    """Plain Python."""
    query, candidate = query.tolist(), candidate.tolist()
    if similarity == "euclidean":
        return -math.dist(query, candidate)
    product = sum(q * c for q, c in zip(query, candidate, strict=True))
    return product if similarity == "dot" else product / (math.hypot(*query) * math.hypot(*candidate))


def slow_cross_entropy(query, candidates, wanted, *, similarity="cosine", temperature=0.1, left_out=()):
    """One query; `wanted` maps the index of a candidate to its share of probability."""
    kept = [place for place in range(len(candidates)) if place not in left_out or place in wanted]
    scores = {place: math.exp(alike(query, candidates[place], similarity) / temperature) for place in kept}
    return -sum(share * math.log(scores[place] / sum(scores.values())) for place, share in wanted.items())


# -- the function with the three steps


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
    (loss + mined_triplet_margin(same, torch.tensor([0, 0, 1, 1]))).backward()
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
    with pytest.raises(ValueError, match="easy"):
        mined_triplet_margin(vectors(2, 4), torch.tensor([0, 1]), mining="easy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cubic"):
        graded_listwise(vectors(2, 4), vectors(2, 4), torch.zeros(2, 2, dtype=torch.int64), gain="cubic")  # type: ignore[arg-type]


# -- NT-Xent


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent_is_as_pytorch_metric_learning_and_the_loop_say(temperature):
    first, second = vectors(6, 5), vectors(6, 5, seed=1)
    loss = nt_xent(first, second, temperature=temperature)
    labels = torch.arange(6).repeat(2)
    assert near(loss, pml.NTXentLoss(temperature=temperature)(torch.cat([first, second]), labels), CLOSE)
    views = torch.cat([first, second])
    slow = [
        slow_cross_entropy(views[row], views, {(row + 6) % 12: 1.0}, temperature=temperature, left_out={row})
        for row in range(12)
    ]
    assert near(loss, np.mean(slow))


def test_nt_xent_keeps_images_of_one_group_from_pushing_each_other():
    first, second = vectors(4, 5), vectors(4, 5, seed=1)
    groups = torch.tensor([7, 7, -1, -1])
    loss = nt_xent(first, second, never_negative=same_group(groups, groups))
    views = torch.cat([first, second])
    grouped = {0: {1, 5}, 1: {0, 4}, 4: {1, 5}, 5: {0, 4}}
    slow = [
        slow_cross_entropy(views[row], views, {(row + 4) % 8: 1.0}, left_out={row, *grouped.get(row, ())})
        for row in range(8)
    ]
    assert near(loss, np.mean(slow))


# -- MoCo


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


# -- supervised contrastive


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_supervised_contrastive_is_as_pytorch_metric_learning_and_the_loop_say(temperature):
    rows, labels = vectors(9, 5), torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 0])  # label 2 has nobody
    loss = supervised_contrastive(rows, labels, temperature=temperature)
    assert near(loss, pml.SupConLoss(temperature=temperature)(rows, labels), CLOSE)
    slow = []
    for row in range(9):
        positives = [other for other in range(9) if other != row and labels[other] == labels[row]]
        if positives:
            wanted = dict.fromkeys(positives, 1 / len(positives))
            slow.append(slow_cross_entropy(rows[row], rows, wanted, temperature=temperature, left_out={row}))
    assert near(loss, np.mean(slow))


def test_supervised_contrastive_leaves_out_false_negatives_but_no_positives():
    rows, labels = vectors(5, 4), torch.tensor([0, 0, 1, 1, 2])
    groups = torch.tensor([9, 9, 9, -1, -1])
    loss = supervised_contrastive(rows, labels, never_negative=same_group(groups, groups))
    out = {0: {0, 2}, 1: {1, 2}, 2: {2, 0, 1}, 3: {3}}
    partner = {0: 1, 1: 0, 2: 3, 3: 2}
    slow = [slow_cross_entropy(rows[row], rows, {partner[row]: 1.0}, left_out=out[row]) for row in range(4)]
    assert near(loss, np.mean(slow))


# -- triplets


def slow_triplets(rows, labels, margin, mining, never_negative=None):
    units = functional.normalize(rows)
    count, losses = len(rows), []
    for anchor in range(count):
        positives = [o for o in range(count) if o != anchor and labels[o] == labels[anchor]]
        negatives = [o for o in range(count) if labels[o] != labels[anchor]]
        if never_negative is not None:
            negatives = [o for o in negatives if not never_negative[anchor][o]]
        far = [math.dist(units[anchor].tolist(), units[p].tolist()) for p in positives]
        close = [math.dist(units[anchor].tolist(), units[n].tolist()) for n in negatives]
        if mining == "batch-hard" and far and close:
            losses.append(max(0.0, max(far) - min(close) + margin))
        if mining == "all":
            losses += [max(0.0, p - n + margin) for p in far for n in close]
        if mining == "semi-hard":
            losses += [p - n + margin for p in far for n in close if p < n < p + margin]
    return sum(losses) / max(len(losses), 1)


LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 1, 2])


@pytest.mark.parametrize("mining", ["batch-hard", "semi-hard", "all"])
@pytest.mark.parametrize("margin", [0.1, 0.5])
def test_mined_triplets_are_as_the_loop_says(mining, margin):
    rows = vectors(10, 3)
    never = same_group(torch.arange(10) // 3, torch.arange(10) // 3)
    expected = slow_triplets(rows, LABELS, margin, mining)
    assert expected > 0
    assert near(mined_triplet_margin(rows, LABELS, margin=margin, mining=mining), expected)
    masked = mined_triplet_margin(rows, LABELS, margin=margin, mining=mining, never_negative=never)
    assert near(masked, slow_triplets(rows, LABELS, margin, mining, never))


@pytest.mark.parametrize("mining", ["batch-hard", "semi-hard", "all"])
def test_mined_triplets_are_as_pytorch_metric_learning_says(mining):
    rows = vectors(10, 3)
    theirs = {
        "batch-hard": miners.BatchHardMiner(distance=pml_distances.LpDistance()),
        "semi-hard": miners.TripletMarginMiner(margin=0.4, type_of_triplets="semihard"),
        "all": miners.TripletMarginMiner(margin=100.0, type_of_triplets="all"),
    }[mining](rows, LABELS)
    loss = pml.TripletMarginLoss(margin=0.4, reducer=reducers.MeanReducer())(rows, LABELS, theirs)
    assert near(mined_triplet_margin(rows, LABELS, margin=0.4, mining=mining), loss, CLOSE)


def test_given_triplets_are_as_torch_says():
    anchors, positives, negatives = (functional.normalize(vectors(7, 4, seed=seed)) for seed in range(3))
    theirs = torch.nn.TripletMarginLoss(margin=0.3, eps=0)(anchors, positives, negatives)
    assert near(triplet_margin(3 * anchors, positives, negatives, margin=0.3), theirs)


def test_a_batch_without_triplets_costs_nothing():
    assert mined_triplet_margin(vectors(3, 4), torch.tensor([0, 1, 2])) == 0
    assert mined_triplet_margin(vectors(3, 4), torch.tensor([1, 1, 1]), mining="semi-hard") == 0


# -- grades


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


# -- distillation


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


def test_groups_mean_what_they_say():
    groups = torch.tensor([0, 0, -1, -1])
    expected = [[True, True, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert same_group(groups, groups).tolist() == expected
    assert same_group(groups[:1], torch.tensor([[0, 1, -1]])).tolist() == [[True, False, False]]
    assert itself(2).tolist() == [[True, False], [False, True]]
