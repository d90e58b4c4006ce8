from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from lookalike.duplicates import CopyPair, Reason, group_copies

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def pair(one, other):
    return CopyPair(one=one, other=other, reason=Reason.LOOK, cosine=0.9)


def grouped(*pairs, **sizes):
    images: Any = {name: SimpleNamespace(size=size) for name, size in sizes.items()}
    groups = group_copies([pair(*one) for one in pairs], images, preferred=lambda image: -image.size)
    return {group.kept: sorted(group.copies) for group in groups}


def test_the_preferred_image_of_a_group_is_kept():
    assert grouped("ab", "ac", "bc", a=1, b=3, c=2) == {"b": ["a", "c"]}


def test_groups_do_not_grow_by_chains():
    assert grouped("ab", "bc", "cd", a=4, b=3, c=2, d=1) == {"a": ["b"], "c": ["d"]}


def test_an_image_that_is_gone_is_in_no_group():
    assert grouped("ab", "bc", b=2, c=1) == {"b": ["c"]}
    assert grouped("ab", b=2) == {}
