from datetime import UTC, datetime, timedelta

import pytest

from lookalike.errors import CallerError
from lookalike.retrieval import Filters, Orientation

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

EVERYTHING = Filters(
    owner="ann",
    any_tags=("a", "b"),
    all_tags=("c",),
    no_tags=("d",),
    uploaded_from=NOON,
    uploaded_to=NOON + timedelta(days=1),
    min_width=1,
    max_width=9,
    min_height=2,
    max_height=8,
    orientation=Orientation.SQUARE,
    colour="#AA0011",
    colour_distance=7,
    collection="shoes",
)


@pytest.mark.parametrize("filters", [Filters(), EVERYTHING, Filters(owner="ann")])
def test_filters_are_kept_as_text_and_read_back(filters):
    assert Filters.of_text(filters.text()) == filters


def test_without_a_condition_nothing_is_asked():
    assert not Filters().asks
    assert not Filters(colour_distance=3).asks  # of no colour
    assert Filters(no_tags=("d",)).asks
    assert EVERYTHING.asks


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"owner": ""}, "owner"),
        ({"any_tags": ("a\x00",)}, "any_tags"),
        ({"no_tags": tuple(map(str, range(65)))}, "no_tags"),
        ({"uploaded_from": NOON.replace(tzinfo=None)}, "uploaded_from"),
        ({"uploaded_from": NOON, "uploaded_to": NOON}, "uploaded_from"),
        ({"min_width": 0}, "min_width"),
        ({"min_height": 9, "max_height": 8}, "min_height"),
        ({"colour": "red"}, "colour"),
        ({"colour_distance": 256}, "colour_distance"),
        ({"collection": "x" * 129}, "collection"),
    ],
)
def test_what_no_image_can_meet_is_refused_by_the_fields_name(values, field):
    with pytest.raises(CallerError, match=field):
        Filters(**values)


@pytest.mark.parametrize(
    ("size", "shape"),
    [((2, 1), Orientation.LANDSCAPE), ((1, 2), Orientation.PORTRAIT), ((3, 3), Orientation.SQUARE)],
)
def test_orientation_is_of_the_upright_image(size, shape):
    assert Orientation.of(*size) is shape
