from hypothesis import given
from hypothesis import strategies as st

from lookalike.pareto import pareto_front


def itself(item):
    return item


def test_what_another_beats_is_left_out_and_equals_stay():
    items = [(1, 5), (2, 4), (2, 3), (0, 9), (2, 4), (1, 4)]
    assert pareto_front(items, itself) == [(1, 5), (2, 4), (0, 9), (2, 4)]
    assert pareto_front([], itself) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_everything_else_is_beaten_by_something_on_the_front(items):
    front = pareto_front(items, itself)
    left_out = [item for item in items if item not in front]
    assert all(any(min(a - b for a, b in zip(one, item, strict=True)) >= 0 for one in front) for item in left_out)
    assert not [one for one in front for other in front if other != one and all(map(int.__ge__, other, one))]
