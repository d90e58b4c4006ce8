from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.training.examples import (
    GradedQuery,
    Part,
    SplitShares,
    joined_groups,
    split,
)
from training.examples.made_pairs import pair, some_pairs


@given(some_pairs, some_pairs, st.integers(0, 100), st.floats(0, 0.49), st.floats(0, 0.49))
def test_no_part_shows_an_image_of_another_part_nor_its_near_duplicates(together, learnt, seed, validation, test):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, together)
    divided = split(everything, groups, SplitShares(validation=validation, test=test, seed=seed))
    pairs = [pair(query, positive, hard=everything[:9]) for query, positive in learnt]
    graded = [GradedQuery(query=query, images=tuple(everything), grades=(3,) * 30) for query in everything[:5]]
    shown = {}
    for part in Part:
        kept = divided.pairs(pairs, part)
        named = {image for one in kept for image in one.images}
        named |= {image for one in divided.graded(graded, part) for image in (one.query, *one.images)}
        shown[part] = {groups[image] for image in named}
        assert {one.query for one in kept} <= set(divided.queries(everything, part))
        assert named <= set(divided.images(part))
    assert not shown[Part.TRAIN] & shown[Part.TEST]
    assert not shown[Part.TRAIN] & shown[Part.VALIDATION]
    assert not shown[Part.VALIDATION] & shown[Part.TEST]
    assert sorted(sum((divided.images(part) for part in Part), ())) == everything


def test_shares_are_kept_and_new_images_move_no_old_ones():
    some = [f"{number}" for number in range(4_000)]
    before = split(some[:3_000], {}, SplitShares(validation=0.1, test=0.2))
    after = split(some, {}, SplitShares(validation=0.1, test=0.2))
    assert all(after.parts[one] is part for one, part in before.parts.items())
    counts = Counter(after.parts.values())
    assert counts[Part.TEST] / 4_000 == pytest.approx(0.2, abs=0.03)
    assert counts[Part.VALIDATION] / 4_000 == pytest.approx(0.1, abs=0.03)
    assert split(some, {}, SplitShares(seed=1)).parts != split(some, {}, SplitShares(seed=2)).parts


def test_shares_must_leave_something_to_train_on():
    with pytest.raises(ValueError, match="below 1"):
        SplitShares(validation=0.5, test=0.5)
