from typing import Any

import numpy as np
import pytest

from lookalike.errors import CallerError
from lookalike.feedback.position_bias import ClickTable


def table(**more):
    rows: dict[str, Any] = {
        "queries": ["a", "a", "b", "a"],
        "images": ["x", "x", "x", "y"],
        "places": np.array([0, 2, 0, 0]),
        "clicked": np.array([True, False, True, False]),
    }
    return ClickTable.of(**rows | more)


def test_impressions_and_clicks_are_counted_by_query_image_and_place():
    found = table()
    assert found.impressions.tolist() == [[1, 0, 1], [1, 0, 0], [1, 0, 0]]
    assert found.clicks.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert found.queries.tolist() == [0, 0, 1]
    assert found.moved().tolist() == [True, False, False]


def test_dwells_are_summed_by_document_where_they_are_known():
    assert table().dwells is None
    found = table(seconds=np.array([4.0, np.nan, np.nan, 0.0])).dwells
    assert found.counts.tolist() == [1, 1, 0]
    assert found.logs == pytest.approx([np.log(4), np.log(0.05), 0])
    assert found.squares == pytest.approx([np.log(4) ** 2, np.log(0.05) ** 2, 0])
    cut = table(seconds=np.array([np.nan, 4.0, np.nan, np.nan]), most_places=2)
    assert cut.dwells is None


def test_places_beyond_the_last_are_left_out():
    assert table(most_places=2).places == 1


def test_without_a_click_there_is_nothing_to_estimate():
    with pytest.raises(CallerError, match="no impressions with a click"):
        table(clicked=np.zeros(4, dtype=bool))
