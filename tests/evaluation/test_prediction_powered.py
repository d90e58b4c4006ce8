"""Intervals from few grades cover the truth, whatever the guesses are worth; good guesses make them narrower."""

import numpy as np
import pytest

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.prediction_powered import discounts, guessed_grades, hit_features, powered_estimate

K = 5


def population(queries=20_000, seed=0):
    """Grades and cosines of hits, [queries, k]; the cosine says something of the grade, and queries differ."""
    rng = np.random.default_rng(seed)
    easy = rng.normal(size=(queries, 1))
    raw = 2.5 + easy + 0.5 * rng.normal(size=(queries, K)) - 0.2 * np.arange(K)
    grades = np.clip(np.round(raw), 0, 5)
    return grades, 0.5 + 0.1 * raw + 0.03 * rng.normal(size=(queries, K))


GRADES, COSINES = population()
TRUTH = float((GRADES / 5 @ discounts(K)).mean())


def drawn(rng, queries=200, share=0.3):
    """A sample of queries, a share of whose hits is graded."""
    chosen = rng.choice(len(GRADES), size=queries, replace=False)
    graded = rng.random((queries, K)) < share
    return np.where(graded, GRADES[chosen], np.nan), COSINES[chosen]


def estimates(how, draws=300):
    rng = np.random.default_rng(1)
    return [how(rng, *drawn(rng)) for _ in range(draws)]


def by_regression(rng, grades, cosines):
    guesses, _ = guessed_grades(hit_features(cosines), grades)
    return powered_estimate(grades, guesses)


def by_noise(rng, grades, cosines):
    return powered_estimate(grades, rng.random(grades.shape) * 5)


def with_more(rng, grades, cosines):
    others = hit_features(COSINES[rng.choice(len(COSINES), size=2_000)])
    guesses, more = guessed_grades(hit_features(cosines), grades, others)
    return powered_estimate(grades, guesses, more)


@pytest.mark.parametrize("how", [by_regression, by_noise, with_more])
def test_intervals_cover_the_truth_whatever_the_guesses_are_worth(how):
    found = estimates(how)
    assert np.mean([one.low <= TRUTH <= one.high for one in found]) >= 0.92
    assert np.mean([one.mean for one in found]) == pytest.approx(TRUTH, abs=0.005)


def test_good_guesses_make_intervals_narrower_and_more_queries_narrower_still():
    alone = estimates(by_regression, draws=20)
    further = estimates(with_more, draws=20)
    assert np.mean([one.half_width / one.grades_only for one in alone]) < 0.9
    assert np.mean([one.half_width for one in further]) < np.mean([one.half_width for one in alone])


def test_with_all_grades_it_is_the_usual_interval_of_a_mean():
    grades = GRADES[:100]
    found = powered_estimate(grades, np.zeros_like(grades))
    values = grades / 5 @ discounts(K)
    assert found.mean == pytest.approx(values.mean())
    assert found.half_width == pytest.approx(1.96 * values.std(ddof=1) / 10, rel=1e-3)


def test_a_guess_never_comes_from_the_grades_of_its_own_query():
    rng = np.random.default_rng(2)
    grades, cosines = drawn(rng, queries=50)
    before, _ = guessed_grades(hit_features(cosines), grades)
    changed = grades.copy()
    changed[0] = 5.0
    after, _ = guessed_grades(hit_features(cosines), changed)
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before, after)


def test_too_few_queries_and_ranks_without_a_grade_are_refused():
    with pytest.raises(EvaluationRefused, match="grade hits of at least 30"):
        powered_estimate(GRADES[:29], GRADES[:29])
    gap = GRADES[:50].copy()
    gap[:, 2] = np.nan
    with pytest.raises(EvaluationRefused, match="no hit at rank 3 is graded"):
        powered_estimate(gap, gap)
