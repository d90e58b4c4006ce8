import numpy as np
import pytest

from lookalike.columns import COLOUR_SIGNATURE, COLUMNS, DIFFERENCE_HASH, image_row, rows_of, unknown_rows

SIGNATURE = np.arange(96, dtype=np.uint8)


def test_what_the_catalog_keeps_comes_back():
    rows = [image_row(difference_hash=2**64 - 1, colour_signature=SIGNATURE), image_row(difference_hash=7)]
    stored = [[column.stored(row) for row in rows] for column in COLUMNS]
    np.testing.assert_array_equal(rows_of(stored), np.array(rows, unknown_rows(0).dtype))


def test_what_is_not_known_is_the_default_and_takes_no_room():
    (row,) = unknown_rows(1)
    assert DIFFERENCE_HASH.stored(row) == 0
    assert COLOUR_SIGNATURE.stored(row) is None
    assert DIFFERENCE_HASH.loaded([None, 5]).tolist() == [0, 5]


def test_bytes_of_another_length_are_not_known():
    """As an earlier version with another signature would have kept them."""
    loaded = COLOUR_SIGNATURE.loaded([b"short", SIGNATURE.tobytes(), None])
    assert loaded.shape == (3, 96)
    assert not loaded[[0, 2]].any()
    np.testing.assert_array_equal(loaded[1], SIGNATURE)


def test_a_fact_of_another_name_is_a_mistake():
    with pytest.raises(ValueError, match="weight"):
        image_row(weight=3)
