import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.neighbors import BACKENDS
from lookalike.snapshot import Recall, Truth, TruthInBlocks, sampled_rows
from unit_vectors import clustered, slow_search, unit


def recall_of(rows, truth, vectors):
    return Recall.of(truth.shares(np.asarray(rows, dtype=np.int64), vectors.__getitem__))


def true_rows(vectors, query, own=-1):
    return [row for row in slow_search(vectors, query, 12) if row != own][:10]


def test_recall_counts_what_a_plain_loop_counts():
    vectors = clustered(300, 16)
    queries = clustered(20, 16, seed=1)
    random = np.random.default_rng(2)
    truth = Truth.of(vectors, queries)
    true = [true_rows(vectors, query) for query in queries]
    wrong = [[row for row in range(290, 300) if row not in rows][:4] for rows in true]
    answers = [random.permutation([*rows, -1, *other])[:10] for rows, other in zip(true, wrong, strict=True)]
    expected = [len(set(answer.tolist()) & set(rows)) / 10 for answer, rows in zip(answers, true, strict=True)]
    recall = recall_of(answers, truth, vectors)
    assert recall.mean == pytest.approx(np.mean(expected))
    assert recall.standard_error == pytest.approx(np.std(expected, ddof=1) / np.sqrt(20))
    assert recall.queries == 20


def test_a_query_is_not_its_own_answer():
    vectors = clustered(200, 16)
    rows = np.array([3, 90, 151])
    truth = Truth.of(vectors, vectors[rows], own=rows)
    assert truth.asked_for == 11
    with_itself = [[row, *true_rows(vectors, vectors[row], row)] for row in rows]
    assert recall_of(with_itself, truth, vectors).mean == 1
    half = [[row, *true_rows(vectors, vectors[row], row)[:5], -1, -1, -1, -1, -1] for row in rows]
    assert recall_of(half, truth, vectors).mean == 0.5
    assert truth.recall_of(BACKENDS["exact"].build(vectors), vectors.__getitem__).mean == 1


def test_equally_near_rows_are_equally_right():
    vectors = np.repeat(unit(np.eye(3)), 20, axis=0)
    truth = Truth.of(vectors, vectors[:1], own=np.array([0]))
    assert recall_of([np.arange(9, 20)], truth, vectors).mean == 1
    assert recall_of([np.arange(15, 26)], truth, vectors).mean == 0.5


def test_a_row_that_is_named_twice_counts_once():
    vectors = clustered(200, 16)
    truth = Truth.of(vectors, vectors[:1], own=np.array([0]))
    nearest = true_rows(vectors, vectors[0], 0)
    assert recall_of([[*nearest[:5], *nearest[:5]]], truth, vectors).mean == 0.5


def test_vectors_count_as_they_are_kept():
    """Of two neighbours nearer to each other than float16 can tell, either is right."""
    vectors = unit(np.random.default_rng(3).standard_normal((400, 16)))
    index = BACKENDS["exact"].build(vectors)
    assert Truth.of(vectors, vectors[:50]).recall_of(index, vectors.__getitem__).mean == 1


def test_recall_says_among_what_it_was_measured():
    vectors = clustered(200, 16)
    allowed = np.arange(200) % 2 == 0
    reading = TruthInBlocks(vectors[:5], np.arange(5))
    reading.take(np.flatnonzero(allowed), vectors[allowed])
    index = BACKENDS["exact"].build(vectors)
    found = reading.truth().recall_of(index, vectors.__getitem__, allowed=allowed, among="even rows")
    assert (found.mean, found.among) == (1, "even rows")


def test_estimated_cosines_of_an_index_are_not_believed():
    vectors = clustered(300, 16)
    truth = Truth.of(vectors, vectors[:1])
    worst = slow_search(vectors, vectors[0], 300)[-10:]
    assert recall_of([worst], truth, vectors).mean == 0


@pytest.mark.parametrize(
    ("size", "own", "k"), [(0, False, 0), (1, True, 0), (1, False, 1), (4, True, 3), (11, True, 10)]
)
def test_tiny_libraries(size, own, k):
    vectors = clustered(size + 1, 16)[:size]
    queries = vectors if own else clustered(2, 16, seed=5)
    truth = Truth.of(vectors, queries, own=np.arange(size) if own else None)
    assert truth.k == k
    assert truth.recall_of(BACKENDS["exact"].build(vectors), vectors.__getitem__).mean == 1


@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 5))
def test_blocks_give_the_same_truth_as_one_search(size, block, seed):
    vectors = clustered(size, 8, seed=seed)
    own = sampled_rows(size, 7, seed=seed)
    reading = TruthInBlocks(vectors[own], own)
    for start in range(0, size, block):
        rows = np.arange(start, min(start + block, size))
        reading.take(rows, vectors[rows])
    at_once, in_blocks = Truth.of(vectors, vectors[own], own=own), reading.truth()
    assert in_blocks.k == at_once.k
    assert np.allclose(in_blocks.least, at_once.least, atol=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    samples = random.binomial(10, 0.93, size=(2_000, 400)) / 10
    recalls = [Recall.of(shares) for shares in samples]
    assert 0.93 < np.mean([abs(recall.mean - 0.93) <= recall.half_width for recall in recalls]) < 0.97
    assert 0.92 < np.mean([recall.at_least(0.95) <= 0.93 for recall in recalls]) < 0.98


def test_a_sample_without_a_miss_is_not_certainty():
    assert Recall.of(np.ones(30)).at_least(0.95) == pytest.approx(1 - 3.0 / 300, abs=1e-4)
    assert Recall.of(np.ones(0)).mean == 1
