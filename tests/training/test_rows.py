import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.training.rows import DescribedRow, View

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(IDS, st.integers(0, 99), st.sampled_from(["", "0a1b2c"]))
def test_a_name_stands_for_what_it_was_made_of(image_id, number, settings):
    row = DescribedRow(image_id=image_id, view=View(settings=settings, number=number) if settings else None)
    assert DescribedRow.parse(str(row)) == row
    assert row.image_id == image_id


@pytest.mark.parametrize(
    ("name", "whole", "view"),
    [
        ("a" * 32, True, False),
        ("a" * 32 + "#xywh=percent:25,25,50,50", False, False),
        ("a" * 32 + "~0c~1", False, True),
    ],
)
def test_images_parts_and_views_are_told_apart(name, whole, view):
    row = DescribedRow.parse(name)
    assert row.image_id == "a" * 32
    assert row.is_whole_image is whole
    assert (row.view is not None) is view
    assert str(row) == name
