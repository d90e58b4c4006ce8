"""Clicks are learnt from as they are: by how likely they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.examples.shown import SeenPairs, ShownPair
from lookalike.training.network.batches import HeadData
from lookalike.training.network.click_batches import ClickBatches, ClickLikelihood, knows_skipped
from lookalike.training.network.head import LinearHead
from lookalike.training.network.losses.click_likelihood import click_likelihood

IMAGES, SHOWN, SEARCHES = 60, 20, 8


@pytest.fixture(scope="module")
def world():
    """Images of two kinds, told by the first feature of many; people click those of the query's kind more often."""
    rng = np.random.default_rng(0)
    kind = np.arange(IMAGES) % 2
    features = rng.standard_normal((IMAGES, 12)).astype(np.float32)
    features[:, 0] = 2.0 * kind - 1.0
    names = [f"{number:02}" for number in range(IMAGES)]
    pairs = {}
    for query in range(IMAGES):
        for image in rng.permutation(np.delete(np.arange(IMAGES), query))[:SHOWN]:
            rate = 0.6 if kind[query] == kind[image] else 0.1
            clicked = {f"{search}" for search in range(SEARCHES) if rng.random() < rate}
            ranks = {f"{search}": 1 for search in range(SEARCHES)}
            pairs[names[query], names[image]] = ShownPair(ranks=ranks, clicked=clicked)
    seen = SeenPairs(pairs=dict(sorted(pairs.items())), propensities={1: 1.0})
    return HeadData(image_ids=names, features=features, groups={}), seen, kind


def batches(images, seen, **more):
    nearness = images.features / np.linalg.norm(images.features, axis=1, keepdims=True)
    return ClickBatches(
        images, seen, **{"nearness": nearness, "batch": 16, "shown": 8, "others": 20, "seed": 3, **more}
    )


def same_kind(head, images, kind):
    """The mean cosine of images of one kind less that of others."""
    vectors = torch.nn.functional.normalize(head(torch.from_numpy(images.features)), dim=1).detach().numpy()
    cosines, same = vectors @ vectors.T, kind[:, None] == kind
    return cosines[same].mean() - cosines[~same].mean()


def learnt(images, seen):
    drawn = batches(images, seen)
    head, loss = LinearHead(np.eye(12, dtype=np.float32)), ClickLikelihood(prior=drawn.prior)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.01)
    for number in range(60):
        optimiser.zero_grad()
        loss(head, drawn.batch_at(number)).backward()
        optimiser.step()
    return head


def test_a_head_learns_what_makes_people_click(world):
    images, seen, kind = world
    before = same_kind(LinearHead(np.eye(12, dtype=np.float32)), images, kind)
    head = learnt(images, seen)
    assert same_kind(head, images, kind) > before + 0.3


def test_a_batch_depends_on_its_number_alone_and_shows_what_was_shown(world):
    images, seen, _ = world
    one, same, other = (batches(images, seen).batch_at(number) for number in (4, 4, 5))
    assert torch.equal(one.candidates, same.candidates)
    assert not torch.equal(one.queries, other.queries)
    assert (one.candidates.shape, one.log_likelihood.shape) == ((16, 8, 12), (16, 8, 3))
    assert not one.never_negative.any()
    assert one.far.sum(dim=1).tolist() == [18] * 16  # of 20, without the nearest tenth


def test_places_without_an_image_are_left_out(world):
    images, seen, _ = world
    longer = batches(images, seen, shown=SHOWN + 5).batch_at(0)
    assert longer.never_negative.sum(dim=1).tolist() == [5] * 16
    shares = torch.log_softmax(torch.randn(2, 3, 3), dim=-1)
    likely = torch.randn(2, 3, 3)
    shown = torch.tensor([[True, True, False], [True, False, False]])
    by_hand = [
        -np.log(sum(np.exp(float(shares[b, n, k])) * np.exp(float(likely[b, n, k])) for k in range(3)))
        for b, n in ((0, 0), (0, 1), (1, 0))
    ]
    assert float(click_likelihood(shares, likely, shown)) == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_clicks_without_impressions_are_known(world):
    images, seen, _ = world
    assert knows_skipped(seen)
    clicks_alone = {
        pair: ShownPair(ranks=dict.fromkeys(one.clicked, 1), clicked=one.clicked)
        for pair, one in seen.pairs.items()
        if one.clicked
    }
    assert not knows_skipped(SeenPairs(pairs=clicks_alone, propensities={1: 1.0}))
    assert not knows_skipped(SeenPairs())
    with pytest.raises(TrainingRefused, match="none of the images"):
        batches(images, seen.only(lambda pair: not seen.pairs[pair].clicked))


def trusted_log(images, kind, offsets, *, seed=1):
    """What the first of two places shows is clicked by most, and an image has the same nuisance as its query there."""
    rng, names, pairs = np.random.default_rng(seed), images.image_ids, {}
    nuisance = images.features[:, 1] > 0
    for query in range(IMAGES):
        for image in rng.permutation(np.delete(np.arange(IMAGES), query))[:SHOWN]:
            rank = 1 if nuisance[query] == nuisance[image] else 2
            rate = offsets[rank] + (0.3 if kind[query] == kind[image] else 0.0)
            clicked = {f"{search}" for search in range(SEARCHES) if rng.random() < rate}
            ranks = {f"{search}": rank for search in range(SEARCHES)}
            pairs[names[query], names[image]] = ShownPair(ranks=ranks, clicked=clicked)
    return SeenPairs(pairs=dict(sorted(pairs.items())), propensities={1: 1.0, 2: 1.0}, offsets=offsets)


def test_where_people_trust_the_order_a_head_learns_more_once_that_is_subtracted(world):
    images, _, kind = world
    log = trusted_log(images, kind, {1: 0.6, 2: 0.05})
    corrected, plain = learnt(images, log), learnt(images, replace(log, offsets={}))
    nuisance = images.features[:, 1] > 0
    assert same_kind(corrected, images, kind) > same_kind(plain, images, kind) + 0.05
    assert same_kind(corrected, images, nuisance) < same_kind(plain, images, nuisance) - 0.1
