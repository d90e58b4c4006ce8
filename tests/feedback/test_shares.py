import numpy as np
import pytest

from lookalike.feedback.shares import Sums, shares


def sums(numerator, denominator):
    return Sums(np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float))


def width(share):
    return share.high - share.low


def test_a_share_is_the_ratio_of_sums_and_its_interval_is_that_of_drawing_people():
    random = np.random.default_rng(1)
    shown = random.integers(1, 30, 60)
    clicked = random.binomial(shown, random.beta(1, 4, 60))
    (share,) = shares([sums(clicked, shown)])
    assert (share.count, share.of) == (clicked.sum(), shown.sum())
    assert share.value == pytest.approx(clicked.sum() / shown.sum())
    drawn = []
    for _ in range(4000):  # the same by hand
        people = random.integers(60, size=60)
        drawn.append(clicked[people].sum() / shown[people].sum())
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert share.low == pytest.approx(low, abs=0.012)
    assert share.high == pytest.approx(high, abs=0.012)
    assert np.all(np.diff(np.asarray([share.low, share.value, share.high], dtype=float)) > 0)


def test_people_who_do_much_make_the_interval_wider_than_their_events_would():
    one_each = shares([sums([1, 0] * 100, [1] * 200)])[0]
    few_people = shares([sums([20, 0] * 5, [20] * 10)])[0]
    assert one_each.value == few_people.value == 0.5
    assert width(few_people) > 2 * width(one_each)


def test_the_same_seed_draws_the_same_people():
    one = sums([1, 2, 0, 5, 1, 0], [4, 4, 4, 5, 2, 3])
    assert shares([one]) == shares([one])
    assert shares([one], seed=1) != shares([one])


def test_thousands_of_people_are_drawn_in_buckets():
    random = np.random.default_rng(0)
    clicked = random.binomial(1, 0.2, 30_000)
    (share,) = shares([sums(clicked, np.ones(30_000))], resamples=400)
    expected = 1.96 * np.sqrt(0.2 * 0.8 / 30_000)
    assert width(share) == pytest.approx(2 * expected, rel=0.2)


def test_what_cannot_be_said_is_none():
    assert shares([]) == []
    nobody, nothing = shares([sums([], [])])[0], shares([sums([0, 0], [0, 0])])[0]
    assert (nobody.value, nobody.low, nobody.high) == (None, None, None)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)


def test_fewer_than_five_people_say_too_little_about_others():
    four, five = shares([sums([1, 0, 1, 0, 0, 0], [2, 2, 2, 2, 0, 0]), sums([1, 0, 1, 0, 0, 0], [2, 2, 2, 2, 2, 0])])
    assert (four.value, four.low, four.high) == (0.25, None, None)
    assert five.value == 0.2
    assert np.all(np.diff(np.asarray([five.low, five.value, five.high], dtype=float)) > 0)
