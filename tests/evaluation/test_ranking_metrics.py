"""Each fast form beside a slow loop, beside trec_eval, and beside what must hold whatever the grades are."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.evaluation import Judgements, Measure, Run, evaluate_run
from lookalike.evaluation import ranking_metrics as metrics

WORKED_EXAMPLE = np.array([[0, 5, 1, 4, 2]], dtype=np.int8)

shown = st.lists(st.integers(metrics.UNJUDGED, metrics.MAX_GRADE), max_size=12)
"""Grades of one ranking, best place first."""

missed = st.lists(st.integers(0, metrics.MAX_GRADE), max_size=6)
"""Grades of judged images that were not returned."""

cutoffs = st.one_of(st.none(), st.integers(1, 15))
thresholds = st.integers(1, metrics.MAX_GRADE)


# -- slow loops, written from the formulas ---------------------------------------------------------------------------


def slow_reciprocal_rank(grades, cutoff, rel):
    for rank, grade in enumerate(grades[:cutoff], start=1):
        if grade >= rel:
            return 1 / rank
    return 0.0


def slow_average_precision(grades, all_grades, cutoff, rel):
    relevant = sum(grade >= rel for grade in all_grades)
    total = 0.0
    for rank, grade in enumerate(grades[:cutoff], start=1):
        if grade >= rel:
            total += sum(other >= rel for other in grades[:rank]) / rank
    return total / relevant if relevant else math.nan


def slow_dcg(grades, cutoff, gain):
    return sum(gain(max(grade, 0)) / math.log2(rank + 1) for rank, grade in enumerate(grades[:cutoff], start=1))


def slow_ndcg(grades, all_grades, cutoff, gain):
    best = slow_dcg(sorted(all_grades, reverse=True), cutoff, gain)
    return slow_dcg(grades, cutoff, gain) / best if best else math.nan


def burges(grade):
    return 2**grade - 1


def arrays(rankings, others):
    """Padded grades and grade counts of several queries."""
    depth = max(map(len, rankings))
    grades = np.full((len(rankings), depth), metrics.ABSENT, dtype=np.int8)
    judged = np.full((len(rankings), depth + max(map(len, others))), metrics.ABSENT, dtype=np.int8)
    for row, (ranking, other) in enumerate(zip(rankings, others, strict=True)):
        grades[row, : len(ranking)] = ranking
        judged[row, : len(ranking) + len(other)] = ranking + other
    return grades, metrics.count_grades(judged)


def same(fast, slow):
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12, equal_nan=True)


# -- the worked example ----------------------------------------------------------------------------------------------


def test_the_worked_example_holds():
    counts = metrics.count_grades(WORKED_EXAMPLE)
    assert metrics.dcg(WORKED_EXAMPLE)[0] == pytest.approx(6.151, abs=5e-4)
    assert metrics.ideal_dcg(counts)[0] == pytest.approx(8.954, abs=5e-4)
    assert metrics.ndcg(WORKED_EXAMPLE, counts)[0] == pytest.approx(0.6869319726735409, abs=1e-15)


def test_exponential_gain_is_another_measure_on_grades_and_the_same_on_zero_and_one():
    counts = metrics.count_grades(WORKED_EXAMPLE)
    assert metrics.ndcg_exponential(WORKED_EXAMPLE, counts)[0] != pytest.approx(
        metrics.ndcg(WORKED_EXAMPLE, counts)[0], abs=0.01
    )
    binary = np.array([[0, 1, 1, 0, 1]], dtype=np.int8)
    same(
        metrics.ndcg_exponential(binary, metrics.count_grades(binary)),
        metrics.ndcg(binary, metrics.count_grades(binary)),
    )


# -- beside the slow loop --------------------------------------------------------------------------------------------

queries = st.lists(st.tuples(shown, missed), min_size=1, max_size=5)


@settings(deadline=None)
@given(queries, cutoffs, thresholds)
def test_fast_forms_agree_with_slow_loops(queries, cutoff, rel):
    rankings, others = [list(part) for part in zip(*queries, strict=True)]
    grades, counts = arrays(rankings, others)
    everything = [ranking + other for ranking, other in queries]
    same(
        metrics.reciprocal_rank(grades, cutoff=cutoff, rel=rel),
        [slow_reciprocal_rank(ranking, cutoff, rel) for ranking in rankings],
    )
    same(
        metrics.average_precision(grades, counts, cutoff=cutoff, rel=rel),
        [slow_average_precision(*one, cutoff, rel) for one in zip(rankings, everything, strict=True)],
    )
    same(metrics.dcg(grades, cutoff=cutoff), [slow_dcg(ranking, cutoff, float) for ranking in rankings])
    same(
        metrics.ndcg(grades, counts, cutoff=cutoff),
        [slow_ndcg(*one, cutoff, float) for one in zip(rankings, everything, strict=True)],
    )
    same(
        metrics.ndcg_exponential(grades, counts, cutoff=cutoff),
        [slow_ndcg(*one, cutoff, burges) for one in zip(rankings, everything, strict=True)],
    )


@settings(deadline=None)
@given(queries, st.integers(1, 15), thresholds)
def test_counting_measures_agree_with_slow_loops(queries, cutoff, rel):
    rankings, others = [list(part) for part in zip(*queries, strict=True)]
    grades, counts = arrays(rankings, others)
    found = [sum(grade >= rel for grade in ranking[:cutoff]) for ranking in rankings]
    relevant = [sum(grade >= rel for grade in ranking + other) for ranking, other in queries]
    assert metrics.relevant_counts(counts, rel=rel).tolist() == relevant
    same(metrics.precision(grades, cutoff=cutoff, rel=rel), [count / cutoff for count in found])
    same(
        metrics.recall(grades, counts, cutoff=cutoff, rel=rel),
        [count / total if total else math.nan for count, total in zip(found, relevant, strict=True)],
    )
    same(
        metrics.judged(grades, cutoff=cutoff),
        [np.mean([grade >= 0 for grade in ranking[:cutoff]]) if ranking else math.nan for ranking in rankings],
    )


# -- beside trec_eval ------------------------------------------------------------------------------------------------

ORACLE = {
    Measure("nDCG"): "ndcg",
    Measure("nDCG", cutoff=10): "ndcg_cut_10",
    Measure("mAP"): "map",
    Measure("mAP", cutoff=5): "map_cut_5",
    Measure("P", cutoff=5): "P_5",
    Measure("R", cutoff=100): "recall_100",
    Measure("R", cutoff=5): "recall_5",
    Measure("MRR"): "recip_rank",
}


def random_case(random, query):
    """Judgements and a ranking that overlap in part, with some judged images missed and some results unjudged."""
    images = [f"image{number}" for number in range(int(random.integers(1, 250)))]
    judged = random.choice(images, size=int(random.integers(1, len(images) + 1)), replace=False).tolist()
    returned = random.choice(images, size=int(random.integers(1, len(images) + 1)), replace=False).tolist()
    grades = random.integers(0, 6, size=len(judged)) * (random.random(len(judged)) < random.random())
    return {query: dict(zip(judged, grades.tolist(), strict=True))}, {query: returned}


@pytest.fixture(scope="module")
def thousand_cases():
    random = np.random.default_rng(20_261_122)
    grades: dict[str, dict[str, int]] = {}
    rankings: dict[str, list[str]] = {}
    for number in range(1000):
        judged, returned = random_case(random, f"q{number}")
        grades |= judged
        rankings |= returned
    return grades, rankings


def oracle(grades, rankings, measures, relevance_level=1):
    # trec_eval breaks ties by descending name, so the scores it gets strictly descend.
    scored = {
        query: {image: float(len(ranking) - place) for place, image in enumerate(ranking)}
        for query, ranking in rankings.items()
    }
    evaluator = pytrec_eval.RelevanceEvaluator(grades, measures, relevance_level=relevance_level)
    return evaluator.evaluate(scored)


def assert_agreement(evaluation, grades, expected, names, rel):
    compared = 0
    for query, row in evaluation.table():
        for measure, name in names.items():
            findable = any(grade >= rel for grade in grades[query].values())
            ours = row[measure] if findable else np.nan_to_num(row[measure], nan=0.0)  # where trec_eval says 0
            assert math.isnan(row[measure]) is not findable
            assert ours == pytest.approx(expected[query][name], abs=1e-9)
            compared += findable
    return compared


def test_a_thousand_random_cases_agree_with_trec_eval(thousand_cases):
    grades, rankings = thousand_cases
    evaluation = evaluate_run(Run(rankings=rankings), Judgements(grades=grades), tuple(ORACLE))
    expected = oracle(
        grades, rankings, {"ndcg", "ndcg_cut.10", "map", "map_cut.5", "P.5", "recall.5,100", "recip_rank"}
    )
    assert assert_agreement(evaluation, grades, expected, ORACLE, rel=1) > 7 * 900


@pytest.mark.parametrize("rel", [2, 4])
def test_relevance_thresholds_agree_with_trec_eval(thousand_cases, rel):
    grades, rankings = thousand_cases
    names = {
        Measure("mAP", rel=rel): "map",
        Measure("P", cutoff=5, rel=rel): "P_5",
        Measure("MRR", rel=rel): "recip_rank",
    }
    evaluation = evaluate_run(Run(rankings=rankings), Judgements(grades=grades), tuple(names))
    expected = oracle(grades, rankings, {"map", "P.5", "recip_rank"}, relevance_level=rel)
    assert assert_agreement(evaluation, grades, expected, names, rel) > 3 * 800


def test_exponential_gain_agrees_with_trec_eval_given_the_gains_as_grades(thousand_cases):
    grades, rankings = thousand_cases
    gains = {query: {image: 2**grade - 1 for image, grade in judged.items()} for query, judged in grades.items()}
    names = {Measure("nDCGexp"): "ndcg", Measure("nDCGexp", cutoff=10): "ndcg_cut_10"}
    evaluation = evaluate_run(Run(rankings=rankings), Judgements(grades=grades), tuple(names))
    assert (
        assert_agreement(evaluation, grades, oracle(gains, rankings, {"ndcg", "ndcg_cut.10"}), names, rel=1) > 2 * 900
    )


# -- whatever the grades are -----------------------------------------------------------------------------------------


def every_measure(grades, counts, cutoff, rel):
    return {
        "mrr": metrics.reciprocal_rank(grades, cutoff=cutoff, rel=rel),
        "p": metrics.precision(grades, cutoff=cutoff, rel=rel),
        "r": metrics.recall(grades, counts, cutoff=cutoff, rel=rel),
        "ap": metrics.average_precision(grades, counts, cutoff=cutoff, rel=rel),
        "ndcg": metrics.ndcg(grades, counts, cutoff=cutoff),
        "ndcg_exp": metrics.ndcg_exponential(grades, counts, cutoff=cutoff),
    }


@settings(deadline=None)
@given(shown, missed, st.integers(1, 15), thresholds)
def test_values_are_between_0_and_1(ranking, other, cutoff, rel):
    grades, counts = arrays([ranking], [other])
    for values in every_measure(grades, counts, cutoff, rel).values():
        assert np.isnan(values[0]) or -1e-12 <= values[0] <= 1 + 1e-12


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 15))
def test_descending_grades_are_the_best_order(ranking, cutoff):
    best, counts = arrays([sorted(ranking, reverse=True)], [[]])
    given_order = arrays([ranking], [[]])[0]
    for name, values in every_measure(best, counts, cutoff, 1).items():
        other = every_measure(given_order, counts, cutoff, 1)[name]
        assert np.isnan(values[0]) or values[0] >= other[0] - 1e-12
    ideal = 1.0 if any(ranking) else np.nan
    assert metrics.ndcg(best, counts, cutoff=cutoff)[0] == pytest.approx(ideal, nan_ok=True)


@settings(deadline=None)
@given(shown.filter(lambda ranking: len(ranking) > 1), missed, st.data(), cutoffs, thresholds)
def test_moving_a_better_result_up_never_lowers_a_measure(ranking, other, data, cutoff, rel):
    cutoff = cutoff or 15
    upper = data.draw(st.integers(0, len(ranking) - 2))
    lower = data.draw(st.integers(upper + 1, len(ranking) - 1))
    swapped = list(ranking)
    if ranking[lower] > ranking[upper]:
        swapped[upper], swapped[lower] = ranking[lower], ranking[upper]
    grades, counts = arrays([ranking, swapped], [other, other])
    for values in every_measure(grades, counts, cutoff, rel).values():
        assert np.isnan(values).all() or values[1] >= values[0] - 1e-12


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 12), st.randoms())
def test_results_of_equal_grade_can_swap_and_so_can_queries(ranking, cutoff, random):
    # Tied grades: naming the images otherwise changes no grade at any rank, so no value can depend on it.
    grades, counts = arrays([ranking, [1, 0], ranking], [[], [2], []])
    order = list(range(3))
    random.shuffle(order)
    for name, values in every_measure(grades, counts, cutoff, 1).items():
        same(values[0], values[2])
        same(every_measure(grades[order], counts[order], cutoff, 1)[name], values[order])


@settings(deadline=None)
@given(shown, missed, st.integers(1, 15), thresholds)
def test_recall_grows_with_the_cutoff_and_precision_times_cutoff_too(ranking, other, cutoff, rel):
    grades, counts = arrays([ranking], [other])
    near = every_measure(grades, counts, cutoff, rel)
    far = every_measure(grades, counts, cutoff + 1, rel)
    for name in ("mrr", "r", "ap"):
        assert np.isnan(near[name][0]) or far[name][0] >= near[name][0] - 1e-12
    assert far["p"][0] * (cutoff + 1) >= near["p"][0] * cutoff - 1e-9


@settings(deadline=None)
@given(shown, missed, st.integers(1, 15), thresholds)
def test_results_nobody_judged_at_the_end_change_nothing_but_judged(ranking, other, cutoff, rel):
    grades, counts = arrays([ranking, [*ranking, metrics.UNJUDGED]], [other, other])
    for values in every_measure(grades, counts, cutoff, rel).values():
        same(values[0], values[1])


def test_no_results_at_all_find_nothing():
    grades = np.empty((2, 0), dtype=np.int8)
    counts = np.array([[0, 0, 0, 0, 0, 3], [4, 0, 0, 0, 0, 0]])
    for name, values in every_measure(grades, counts, 10, 1).items():
        assert values[0] == 0, name
    assert np.isnan(metrics.judged(grades)).all()


def test_a_short_ranking_is_not_rewarded_by_precision_or_average_precision():
    grades, counts = arrays([[1]], [[1, 1, 1]])
    assert metrics.precision(grades, cutoff=4)[0] == 0.25
    assert metrics.average_precision(grades, counts)[0] == 0.25
    assert metrics.average_precision(grades, counts, cutoff=1)[0] == 0.25
