"""A head learns from grades and pairs, and what it becomes serves without torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lookalike.embedding.projection import Projection, fit_projection, to_vectors
from lookalike.errors import TrainingRefused
from lookalike.training.examples import (
    GradedQuery,
    Ingredient,
    Mixture,
    NegativeSampler,
    Pair,
    PairSource,
)
from lookalike.training.network.head import (
    GradedBatches,
    GradedLoss,
    HeadData,
    InBatchPairs,
    LinearHead,
    PairBatches,
    PairLoss,
    as_projection,
)
from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.run import RunFolder
from training.kinds import EACH, KINDS, WIDTH, descriptors, share_right, unit

SETTINGS = LoopSettings(steps=60, learning_rate=0.02, warm_up=5, checkpoint_minutes=60, log_every=50)


def ids(count=KINDS * EACH):
    return [f"image{number:04}" for number in range(count)]


def graded(kinds, names):
    return [
        GradedQuery(
            query=name,
            images=tuple(other for other in names if other != name),
            grades=tuple(4 * int(kinds[row] == kinds[other]) for other in range(len(names)) if other != row),
        )
        for row, name in enumerate(names)
    ]


@pytest.fixture(scope="module")
def base():
    rows, _ = descriptors()
    return fit_projection(rows, dimension=WIDTH, shrinkage=1.0)


def data(features, groups=None):
    return HeadData(image_ids=ids(len(features)), features=features, groups=groups or {})


def trained(folder, batches, loss, start, **options):
    settings = replace(SETTINGS, **options)
    head = LinearHead(start)
    Training(model=head, batch_at=batches.batch_at, loss_of=loss, settings=settings, folder=RunFolder(folder)).run()
    return head


@pytest.mark.parametrize("of", ["descriptors", "vectors"])
def test_grades_teach_what_counts_and_the_projection_serves_it_to_new_images(base, tmp_path, of):
    rows, kinds = descriptors()
    vectors = to_vectors(rows, base)
    features = rows - base.mean if of == "descriptors" else vectors
    start = base.matrix if of == "descriptors" else np.eye(WIDTH, dtype=np.float32)
    batches = GradedBatches(data(features), graded(kinds, ids()), batch=24, others=48)
    head = trained(tmp_path, batches, GradedLoss(), start)
    learnt = as_projection(head, features=features, base=base, of=of)
    learnt.save(tmp_path / "head.npz")
    unseen, their_kinds = descriptors(seed=1)
    before = share_right(to_vectors(unseen, base), their_kinds)
    after = share_right(to_vectors(unseen, Projection.load(tmp_path / "head.npz")), their_kinds)
    assert before < 0.5
    assert after > before + 0.25


@pytest.mark.parametrize("of", ["descriptors", "vectors"])
def test_what_serves_is_what_was_trained(base, tmp_path, of):
    rows, _ = descriptors()
    features = rows - base.mean if of == "descriptors" else to_vectors(rows, base)
    head = LinearHead(np.random.default_rng(0).normal(size=(WIDTH, 6)).astype(np.float32))
    learnt = as_projection(head, features=features, base=base, of=of)
    with torch.no_grad():
        theirs = unit(head(torch.from_numpy(features)).numpy())
    assert np.abs(to_vectors(rows, learnt) - theirs).max() < 5e-3  # the matrix is kept as float16
    assert learnt.dimension == 6
    cosines = np.sort((theirs @ theirs.T)[~np.eye(len(rows), dtype=bool)])
    assert learnt.reference_cosines[2_500] == pytest.approx(np.median(cosines), abs=0.02)


def test_a_head_that_has_learnt_nothing_ranks_as_its_start(base):
    rows, _ = descriptors()
    untouched = as_projection(LinearHead(base.matrix), features=rows - base.mean, base=base, of="descriptors")
    cosines = np.sum(to_vectors(rows, untouched) * to_vectors(rows, base), axis=1)
    assert cosines.min() > 0.9999


def pairs_of(kinds, names):
    first = {int(kind): names[row] for row, kind in reversed(list(enumerate(kinds)))}
    return [
        Pair(query=first[int(kind)], positive=names[row], source=PairSource.CLICKS)
        for row, kind in enumerate(kinds)
        if names[row] != first[int(kind)]
    ]


@pytest.mark.parametrize("negatives", ["own", "in-batch"])
def test_pairs_teach_what_counts(base, tmp_path, negatives):
    rows, kinds = descriptors()
    features = rows - base.mean
    pairs = pairs_of(kinds, ids())
    mixture = Mixture({"clicks": Ingredient(pairs=pairs)})
    sampler = NegativeSampler(ids(), pairs, {})
    batches = {
        "own": PairBatches(data(features), mixture, sampler, batch=32, candidates=12),
        "in-batch": InBatchPairs(data(features), mixture, answers=pairs, batch=48),
    }[negatives]
    head = trained(tmp_path, batches, PairLoss(), base.matrix)
    unseen, their_kinds = descriptors(seed=1)
    learnt = as_projection(head, features=features, base=base, of="descriptors")
    before = share_right(to_vectors(unseen, base), their_kinds)
    assert share_right(to_vectors(unseen, learnt), their_kinds) > before + 0.15


def test_being_pulled_back_keeps_a_head_near_its_start(base, tmp_path):
    rows, kinds = descriptors()
    batches = GradedBatches(data(rows - base.mean), graded(kinds, ids()), batch=16, others=32)
    moved = []
    for number, pull in enumerate((0.0, 100.0)):
        head = LinearHead(base.matrix, pull=pull)
        Training(
            model=head,
            batch_at=batches.batch_at,
            loss_of=GradedLoss(),
            settings=replace(SETTINGS, steps=60),
            folder=RunFolder(tmp_path / str(number)),
        ).run()
        moved.append(float((head.weight - head.start).detach().norm()))
    assert moved[1] < 0.5 * moved[0]


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
