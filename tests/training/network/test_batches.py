"""What a batch holds: grades, stand-ins, negatives that are none, and nothing but its number decides it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.examples import GradedQuery, Ingredient, Mixture, Pair, PairSource
from lookalike.training.network.batches import GradedBatches, HeadData, InBatchPairs
from training.kinds import EACH, KINDS, data, descriptors, graded, ids


def test_graded_batches_know_every_grade_and_bar_near_duplicates():
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    names = ids(30)
    queries = [GradedQuery(query=names[0], images=(names[3], names[5], "elsewhere"), grades=(5, 0, 4))]
    images = HeadData(image_ids=names, features=features, groups={names[0]: "g", names[7]: "g"})
    batch = GradedBatches(images, queries, others=30).batch_at(0)
    assert torch.equal(batch.candidates, torch.from_numpy(features))
    expected = [-1] * 30
    expected[3], expected[5] = 5, 0
    assert batch.targets.tolist() == [expected]
    assert torch.nonzero(batch.never_negative[0]).flatten().tolist() == [0, 7]


def test_graded_batches_always_hold_what_is_relevant():
    features = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    names = ids(200)
    grades = tuple(3 if place < 4 else 0 for place in range(150))
    batches = GradedBatches(
        data(features), [GradedQuery(query=names[199], images=tuple(names[:150]), grades=grades)], graded=8, others=5
    )
    for number in range(20):
        targets = batches.batch_at(number).targets[0]
        assert (targets == 3).sum() == 4
        assert (targets == 0).sum() >= 4


def test_in_batch_negatives_are_never_known_answers_or_near_duplicates():
    features = np.eye(4, dtype=np.float32)
    names = ids(4)
    pairs = [
        Pair(query=names[0], positive=names[1], source=PairSource.CLICKS),
        Pair(query=names[0], positive=names[2], source=PairSource.CLICKS),
        Pair(query=names[3], positive=names[2], source=PairSource.CLICKS),
    ]
    images = HeadData(image_ids=names, features=features, groups={names[1]: "g", names[3]: "g"})
    batch = InBatchPairs(images, Mixture({"clicks": Ingredient(pairs=pairs)}), answers=pairs, batch=40).batch_at(0)
    query, candidate = batch.queries.argmax(dim=1), batch.candidates.argmax(dim=1)
    barred = {(0, 1), (0, 2), (3, 2), (3, 1)}
    for row in range(40):
        for column in range(40):
            same = candidate[row] == candidate[column]
            assert bool(batch.never_negative[row, column]) == (
                (int(query[row]), int(candidate[column])) in barred or bool(same)
            )


def test_batches_depend_on_their_number_alone():
    rows, kinds = descriptors()
    first, again = (GradedBatches(data(rows), graded(kinds, ids()), seed=3) for _ in range(2))
    again.batch_at(0)
    assert torch.equal(first.batch_at(5).candidates, again.batch_at(5).candidates)
    assert not torch.equal(first.batch_at(5).queries, first.batch_at(6).queries)


def test_nothing_to_learn_is_refused():
    features = np.ones((3, 2), np.float32)
    with pytest.raises(TrainingRefused, match="nothing to learn"):
        GradedBatches(data(features), [GradedQuery(query=ids()[0], images=(ids()[1],), grades=(0,))])
    with pytest.raises(TrainingRefused, match="for 2 images"):
        HeadData(image_ids=ids(2), features=features, groups={})
    with pytest.raises(TrainingRefused, match="not finite"):
        data(np.full((3, 2), np.nan, np.float32))
    stranger = [Pair(query="stranger", positive=ids()[0], source=PairSource.CLICKS)]
    with pytest.raises(TrainingRefused, match="stranger"):
        InBatchPairs(data(features), Mixture({"clicks": Ingredient(pairs=stranger)})).batch_at(0)


def few_graded(features):
    """Twelve queries, of which each grades eight images of its kind with 4 and four others with 0."""
    kinds, names = np.arange(KINDS * EACH) % KINDS, ids()
    queries = [
        GradedQuery(
            query=names[row],
            images=tuple(sorted([names[row + KINDS * n] for n in range(1, 9)] + [names[row + n] for n in range(1, 5)])),
            grades=(),
        )
        for row in range(KINDS)
    ]
    rows = {name: row for row, name in enumerate(names)}
    graded_ones = [
        replace(query, grades=tuple(4 * int(kinds[rows[one]] == kinds[rows[query.query]]) for one in query.images))
        for query in queries
    ]
    return data(features), graded_ones, kinds


def test_what_got_the_highest_grade_asks_in_the_query_s_place_and_is_not_its_own_answer():
    rows, _ = descriptors()
    images, queries, kinds = few_graded(rows)
    place = {row.tobytes(): number for number, row in enumerate(rows)}
    batches = GradedBatches(images, queries, batch=12, others=240, stand_ins=1.0)
    asked = set()
    for number in range(5):
        batch = batches.batch_at(number)
        askers = [place[row.numpy().tobytes()] for row in batch.queries]
        candidates = [place[row.numpy().tobytes()] for row in batch.candidates]
        asked.update(askers)
        for asker, grades in zip(askers, batch.targets.tolist(), strict=True):
            answers = {one for one, grade in zip(candidates, grades, strict=True) if grade > 0}
            assert {kinds[one] for one in answers} == {kinds[asker]}
            assert asker not in answers
            assert int(kinds[asker]) in answers, "the query itself answers its stand-in"
    assert len(asked) > 40
    assert not asked & set(range(KINDS)), "a stand-in always asks"


def test_what_is_near_and_was_never_shown_is_no_negative():
    rows, _ = descriptors()
    images, queries, kinds = few_graded(rows)
    nearness = np.eye(KINDS, dtype=np.float32)[kinds]
    batch = GradedBatches(images, queries, batch=12, others=240, spared=0.05, nearness=nearness).batch_at(0)
    place = {row.tobytes(): number for number, row in enumerate(rows)}
    candidates = kinds[[place[row.numpy().tobytes()] for row in batch.candidates]]
    for row, targets, barred in zip(batch.queries, batch.targets.numpy(), batch.never_negative.numpy(), strict=True):
        same_kind = candidates == kinds[place[row.numpy().tobytes()]]
        assert barred[same_kind & (targets == -1)].all()
        assert not barred[~same_kind].any()
        assert not barred[targets == 0].any(), "what was judged is believed"
