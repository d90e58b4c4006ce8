import pytest

from evaluation.report.example_report import JUDGED, evaluation, report
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import Judgements
from lookalike.evaluation.report import (
    JudgementSummary,
    QueryDescription,
)


def test_another_run_must_have_the_measures():
    with pytest.raises(EvaluationRefused, match="nDCG@10"):
        report(against=evaluation([[0.5]], run="theirs", measures=(JUDGED,)))


def test_judgements_are_counted_by_grade_with_every_image_once():
    judgements = Judgements(grades={"q1": {"a": 5, "b": 0}, "q2": {"a": 0, "c": 3}})
    summary = JudgementSummary.of(judgements, name="judged.csv")
    assert (summary.queries, summary.pairs, summary.images) == (2, 4, 3)
    assert summary.grades == (2, 0, 0, 1, 0, 1)


def test_a_query_that_is_not_described_is_a_whole_image_without_tags():
    given = report(queries={"q0.jpg": QueryDescription(kind="crop", tags=("red",))})
    assert given.describe("q0.jpg").kind == "crop"
    assert given.describe("q1.jpg") == QueryDescription(kind="whole image", tags=())
