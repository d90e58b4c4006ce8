from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalog import ApiKey, Scope
from lookalike.serving.access import Budgets
from lookalike.serving.problems import Refused

START = 1_000.0


def key(*, rate=None, at_once=None, prefix="abc"):
    return ApiKey(
        prefix=prefix,
        name="a",
        scopes=frozenset({Scope.SEARCH}),
        owner_id=None,
        requests_per_minute=rate,
        concurrent_requests=at_once,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
        revoked_at=None,
    )


def let_through(budgets, one):
    try:
        with budgets.spend(one):
            return True
    except Refused as refusal:
        return refusal.problem.status != 429


@given(st.integers(1, 40), st.lists(st.floats(0, 30), max_size=80))
def test_no_minute_has_more_requests_than_twice_the_rate_nor_long_times_more_than_it(rate, waits):
    clock = SimpleNamespace(now=START)
    budgets = Budgets(lambda: clock.now)
    passed = []
    for wait in waits:
        clock.now += wait
        passed += [clock.now] if let_through(budgets, key(rate=rate)) else []
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], start=first):
            assert last - first + 1 <= rate + (end - begin) * rate / 60 + 1e-6


def test_who_waits_as_long_as_is_said_gets_through():
    clock = SimpleNamespace(now=START)
    budgets = Budgets(lambda: clock.now)
    slow = key(rate=2)
    assert [let_through(budgets, slow) for _ in range(3)] == [True, True, False]
    with pytest.raises(Refused) as refusal, budgets.spend(slow):
        pass
    clock.now += int(refusal.value.problem.headers["Retry-After"])
    assert let_through(budgets, slow)


def test_requests_at_a_time_are_counted_until_they_end_even_by_a_fault():
    budgets = Budgets()
    one = key(at_once=1)
    with budgets.spend(one):
        assert not let_through(budgets, one)
        assert let_through(budgets, key(at_once=1, prefix="other"))
    with pytest.raises(ZeroDivisionError), budgets.spend(one):
        raise ZeroDivisionError
    assert let_through(budgets, one)


def test_a_key_without_limits_is_never_refused():
    budgets = Budgets()
    assert all(let_through(budgets, key()) for _ in range(1000))
