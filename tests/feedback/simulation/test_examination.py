import pytest

from lookalike.feedback.simulation import grid_examination, list_examination


def test_attention_falls_by_a_power_of_the_rank():
    assert list_examination(4, eta=1.0) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert list_examination(3, eta=0.0) == pytest.approx([1, 1, 1])


def test_in_a_grid_the_middle_is_looked_at_most_and_later_rows_less():
    cells = grid_examination(8, columns=3, eta=0.5, side=0.3, skipped=0.1)
    assert cells[:3] == pytest.approx([0.7, 1.0, 0.7])
    assert cells[3:6] == pytest.approx(cells[:3] * 0.9 / 2**0.5)
    assert len(cells) == 8


def test_a_grid_of_one_column_is_a_list_in_which_places_are_skipped():
    assert grid_examination(3, columns=1, eta=1.0, skipped=0.0) == pytest.approx(list_examination(3, eta=1.0))
