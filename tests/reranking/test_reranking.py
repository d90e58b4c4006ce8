from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.reranking import Candidate, CollapseDuplicates, Limit, NotItself, RankingQuery, rerank, visible
from lookalike.types import Image, Visibility

WHOLE = RankingQuery(image_id=None, include_self=True)


def image(name, *, visibility=Visibility.PUBLIC, error=None):
    return Image(
        id=f"{name:032x}",
        width=10,
        height=10,
        mean_colour="#808080",
        difference_hash=0,
        media_type="image/png",
        byte_count=1,
        source=None,
        owner_id=None,
        uploaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        tags=(),
        visibility=visibility,
        error=error,
    )


def candidate(name, *, angle=0.0, hash_=0, cosine=0.5, duplicates=()):
    vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    return Candidate(
        image_id=f"{name:032x}", cosine=cosine, vector=vector, difference_hash=hash_, duplicates=duplicates
    )


def ids(candidates):
    return [int(c.image_id, 16) for c in candidates]


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.BLOCKED])
def test_only_public_readable_images_are_visible(visibility):
    images = [image(1), image(2, visibility=visibility), image(3, error="truncated"), image(4)]
    assert [int(image_id, 16) for image_id in visible(images)] == [1, 4]


def test_the_selected_image_is_its_own_hit_only_when_asked_for():
    candidates = [candidate(1), candidate(2)]
    asked = RankingQuery(image_id=f"{1:032x}", include_self=False)
    assert ids(NotItself()(asked, candidates)) == [2]
    assert ids(NotItself()(replace(asked, include_self=True), candidates)) == [1, 2]


def test_near_duplicates_stand_behind_the_best_ranked_one():
    candidates = [candidate(1, hash_=0b0), candidate(2, hash_=1 << 40 | 0xFFFF), candidate(3, hash_=0b11)]
    collapsed = CollapseDuplicates()(WHOLE, candidates)
    assert ids(collapsed) == [1, 2]
    assert collapsed[0].duplicates == (f"{3:032x}",)
    assert collapsed[1].duplicates == ()


def test_one_witness_is_not_enough():
    same_hash_other_vector = [candidate(1), candidate(2, angle=1.0)]
    same_vector_other_hash = [candidate(1), candidate(2, hash_=(1 << 64) - 1)]
    assert ids(CollapseDuplicates()(WHOLE, same_hash_other_vector)) == [1, 2]
    assert ids(CollapseDuplicates()(WHOLE, same_vector_other_hash)) == [1, 2]


def test_groups_do_not_grow_by_chains():
    chain = [candidate(n, angle=0.3 * n) for n in range(4)]  # each like the next, the first unlike the last
    collapsed = CollapseDuplicates(least_cosine=np.cos(0.35))(WHOLE, chain)
    assert ids(collapsed) == [0, 2]
    assert [c.duplicates for c in collapsed] == [(f"{1:032x}",), (f"{3:032x}",)]


@given(st.lists(st.tuples(st.floats(0, 6), st.integers(0, 2**64 - 1)), max_size=30))
def test_collapsing_loses_no_image_and_keeps_the_order(made):
    candidates = [candidate(n, angle=angle, hash_=hash_ & 0xFF) for n, (angle, hash_) in enumerate(made)]
    collapsed = CollapseDuplicates()(WHOLE, candidates)
    assert ids(collapsed) == sorted(ids(collapsed))
    behind = [int(i, 16) for c in collapsed for i in c.duplicates]
    assert sorted(ids(collapsed) + behind) == list(range(len(made)))


def test_limit_keeps_the_best():
    assert ids(Limit(2)(WHOLE, [candidate(n) for n in range(5)])) == [0, 1]


def test_rerankers_apply_in_order():
    asked = RankingQuery(image_id=f"{1:032x}", include_self=False)
    assert ids(rerank(asked, [candidate(n) for n in (1, 2, 3)], [NotItself(), Limit(1)])) == [2]
