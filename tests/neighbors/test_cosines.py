import numpy as np
import pytest

from lookalike.neighbors import nearest_first, unit_rows


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_have_unit_length_and_zeros_stay(kind):
    rows = unit_rows(np.array([[3, 4], [0, 0], [1e-3, 0]], kind))
    assert rows.dtype == kind
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 0], [1, 0]]), rel=1e-6)


def test_the_highest_cosines_come_first_and_equal_ones_in_their_order():
    cosines = np.array([0.5, 0.9000001, 0.9000002, -1.0, 0.9])
    assert nearest_first(cosines).tolist() == [1, 2, 4, 0, 3]
    assert nearest_first(cosines, 2).tolist() == [1, 2]
    assert nearest_first(np.stack([cosines, -cosines]), 1).tolist() == [[1], [3]]
