import json
from typing import Any

import numpy as np
import pytest

from evaluation.report.example_report import NDCG, evaluation, report
from lookalike.evaluation.report.document import as_document


@pytest.fixture(scope="module")
def given():
    return report()


def test_it_holds_the_numbers_of_the_page(given):
    document: Any = as_document(given)
    row = given.tables.measures[0]
    written = document["measures"][str(NDCG)]
    assert (written["mean"], written["low"], written["high"]) == (row.served.mean, row.served.low, row.served.high)
    assert written["exact"] == row.exact
    assert written["undefined_queries"] == 1
    assert document["against"]["name"] == "theirs"
    assert document["against"]["measures"][str(NDCG)]["wins"] == 39
    assert (document["best"], document["judgements"]["pairs"]) == (["q0.jpg"], 1234)
    assert document["at"] == "2026-01-31T10:30:00+00:00"


def test_programs_can_read_it_whatever_is_undefined():
    nothing = report(served=evaluation([[np.nan] * 3] * 3), best=(), worst=())
    text = json.dumps(as_document(nothing), allow_nan=False)
    assert json.loads(text)["measures"][str(NDCG)]["mean"] is None


def test_what_was_not_compared_is_none():
    document: Any = as_document(report(exact=None, against=None))
    assert document["exact"] is None
    assert document["against"] is None
    assert document["measures"][str(NDCG)]["index_loss"]["mean"] is None
