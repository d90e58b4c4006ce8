"""Policies that drop candidates or put them into another order: what holds for all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.reranking import (
    BlockedPictures,
    BoostTags,
    Diversify,
    ModerationThreshold,
    PinAndBury,
    ReRanker,
    WithoutBlocked,
    WithoutOwners,
)
from reranking.made_candidates import COLOURFUL, WHOLE, candidates, ids

DEPTH = 6
TAGS = {f"{name:032x}": ("sale",) if name % 3 == 0 else ("old",) for name in range(40)}
OWNERS = {f"{name:032x}": "ann" if name % 2 else "bob" for name in range(0, 40, 3)}
REORDERING: dict[str, ReRanker] = {
    "boosts": BoostTags(weights={"sale": 0.3, "old": -0.1}, tags_of=lambda _: TAGS, depth=DEPTH),
    "diversity": Diversify(relevance=0.5, depth=DEPTH),
    "pins": PinAndBury(pinned=(f"{5:032x}", f"{2:032x}"), buried=frozenset({f"{1:032x}"}), depth=DEPTH),
}
BLOCKED = BlockedPictures(image_ids=(f"{4:032x}",), rows=candidates(4, hashes=[0b1011]).columns)
DROPPING: dict[str, ReRanker] = {
    "owners": WithoutOwners(blocked=frozenset({"ann"}), owners_of=lambda _: OWNERS),
    "moderation": ModerationThreshold(
        most={"nsfw/gore": 0.5}, scores_of=lambda _: {f"{3:032x}": {"nsfw/gore": 0.9}, f"{6:032x}": {"nsfw/gore": 0.5}}
    ),
    "block list": WithoutBlocked(blocked=lambda: BLOCKED),
}


@st.composite
def some_candidates(draw):
    names = draw(st.lists(st.integers(0, 39), unique=True, max_size=14))
    angles = draw(st.lists(st.floats(0, 3), min_size=len(names), max_size=len(names)))
    hashes = draw(
        st.lists(st.sampled_from([0b1011, 0b1111, 1 << 50 | 0xFFFFF]), min_size=len(names), max_size=len(names))
    )
    made = candidates(*names, angles=angles, hashes=hashes)
    made.cosines[:] = np.sort(np.cos(angles))[::-1]
    return made


@pytest.mark.parametrize("policy", REORDERING.values(), ids=REORDERING.keys())
@given(some_candidates())
def test_it_adds_and_drops_no_image_and_leaves_those_behind_the_best_in_place(policy, given_ones):
    found = policy(WHOLE, given_ones)
    assert sorted(found.image_ids) == sorted(given_ones.image_ids)
    assert found.image_ids[DEPTH:] == given_ones.image_ids[DEPTH:]
    for image_id, cosine in zip(found.image_ids, found.cosines, strict=True):
        assert cosine == given_ones.cosines[given_ones.image_ids.index(image_id)]
    assert policy(WHOLE, given_ones).image_ids == found.image_ids


@pytest.mark.parametrize("policy", REORDERING.values(), ids=REORDERING.keys())
@given(some_candidates())
def test_what_was_ranked_stays_when_more_is_ranked_behind_it(policy, given_ones):
    first = policy(WHOLE, given_ones.first(max(len(given_ones) - 3, DEPTH)))
    assert policy(WHOLE, given_ones).image_ids[: len(first)] == first.image_ids


@pytest.mark.parametrize("policy", DROPPING.values(), ids=DROPPING.keys())
@given(some_candidates())
def test_it_only_drops_and_keeps_the_order(policy, given_ones):
    found = policy(WHOLE, given_ones).image_ids
    assert [one for one in given_ones.image_ids if one in found] == list(found)
    assert policy(WHOLE, policy(WHOLE, given_ones)).image_ids == found


@given(some_candidates())
def test_no_image_of_a_blocked_owner_stays_and_every_other_does(given_ones):
    found = DROPPING["owners"](WHOLE, given_ones)
    assert list(found.image_ids) == [one for one in given_ones.image_ids if OWNERS.get(one) != "ann"]


def test_a_score_above_the_threshold_is_dropped():
    assert ids(DROPPING["moderation"](WHOLE, candidates(1, 3, 6))) == [1, 6]


def test_a_blocked_picture_and_what_looks_the_same_is_dropped():
    found = DROPPING["block list"](WHOLE, candidates(4, 5, 6, 7, hashes=[0, 0b1111, 1 << 50 | 0xFFFFF, 0b1011]))
    assert ids(found) == [6]
    flat = np.full(96, 128, np.uint8)
    rows = candidates(1, 2).columns
    rows["colour_signature"] = [flat, 255 - COLOURFUL]
    assert ids(DROPPING["block list"](WHOLE, candidates(1, 2, rows=rows))) == [1, 2]  # flat; another colour


def test_weights_add_to_the_cosine():
    boosted = REORDERING["boosts"](WHOLE, candidates(1, 2, 3, 4, 6))
    assert ids(boosted) == [3, 6, 1, 2, 4]


def test_pinned_images_come_first_in_their_order_and_buried_ones_last():
    assert ids(REORDERING["pins"](WHOLE, candidates(1, 2, 3, 5, 9))) == [5, 2, 3, 9, 1]


def test_diverse_hits_are_those_of_the_formula():
    angles = np.array([0.1, 0.15, 0.25, 0.9, 1.4])
    given_ones = candidates(1, 2, 3, 4, 5, angles=angles)
    given_ones.cosines[:] = np.cos(angles)
    left, chosen = list(range(5)), []
    while left:
        worth = [
            0.5 * np.cos(angles[one]) - 0.5 * max((np.cos(angles[one] - angles[two]) for two in chosen), default=0)
            for one in left
        ]
        chosen.append(left.pop(int(np.argmax(np.round(worth, 6)))))
    assert ids(Diversify(relevance=0.5)(WHOLE, given_ones)) == [place + 1 for place in chosen]
    assert Diversify(relevance=1.0)(WHOLE, given_ones) is given_ones
