import numpy as np
import pytest

from lookalike import columns
from lookalike.columns import (
    COLOUR_SIGNATURE,
    COLUMNS,
    DIFFERENCE_HASH,
    image_row,
    rows_of,
    share_repeated,
    unknown_rows,
)

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


def test_images_that_look_like_one_before_them_are_counted():
    hashes = np.array([5, 5, 5, 6, 7, 7, 0, 0], dtype=np.uint64)  # 0 tells nothing
    assert share_repeated(hashes) == 3 / 8
    assert share_repeated(hashes[:0]) == 0


def test_of_many_images_some_are_counted(monkeypatch):
    monkeypatch.setattr(columns, "_COUNTED_HASHES", 5_000)
    hashes = np.random.default_rng(0).integers(1, 2**63, 20_000).astype(np.uint64)
    copied = np.concatenate([hashes, hashes[:5_000], hashes[:5_000]])
    assert share_repeated(copied) == pytest.approx(1 / 3, abs=0.03)
