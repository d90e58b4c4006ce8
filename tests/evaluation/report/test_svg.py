from xml.etree import ElementTree as ET

import pytest

from lookalike.evaluation.report.svg import MINUS, Frame, Scale, drawing, element, tick_text


def test_text_and_attributes_are_escaped_and_elements_are_not():
    inner = element("b", "1 < 2", title='"&"')
    assert inner == '<b title="&#34;&amp;&#34;">1 &lt; 2</b>'
    assert element("a", inner, class_="x", text_anchor="end", y=None, x=0.5) == (
        f'<a class="x" text-anchor="end" x="0.5">{inner}</a>'
    )


@pytest.mark.parametrize(("value", "written"), [(0.0, "0"), (2.0, "2"), (1.005, "1"), (0.126, "0.13"), (-3.5, "-3.5")])
def test_coordinates_get_two_digits(value, written):
    assert element("circle", r=value) == f'<circle r="{written}"></circle>'


@pytest.mark.parametrize(
    ("start", "end", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 7, [0, 2, 4, 6]),
        (-0.05, 0.05, [-0.04, -0.02, 0, 0.02, 0.04]),
        (130, 990, [200, 400, 600, 800]),
    ],
)
def test_ticks_are_round_and_within(start, end, ticks):
    assert Scale(start=start, end=end, from_pixel=0, to_pixel=1).ticks() == pytest.approx(ticks)


def test_ticks_of_ratios_are_ones_twos_and_fives_or_decades():
    def ticks(start, end):
        return Scale(start=start, end=end, from_pixel=0, to_pixel=1, logarithmic=True).ticks()

    assert ticks(1, 100) == pytest.approx([1, 2, 5, 10, 20, 50, 100])
    assert ticks(1, 100_000) == pytest.approx([1, 10, 100, 1_000, 10_000, 100_000])


def test_values_become_pixels_evenly_or_by_their_ratio():
    assert Scale(start=2, end=4, from_pixel=100, to_pixel=0)(3) == pytest.approx(50)
    assert Scale(start=1, end=100, from_pixel=0, to_pixel=10, logarithmic=True)(10) == pytest.approx(5)


@pytest.mark.parametrize(
    ("value", "text"), [(0.2, "0.2"), (-0.04, f"{MINUS}0.04"), (12_000, "12,000"), (0.1 + 0.2, "0.3"), (2e7, "2.0e+07")]
)
def test_ticks_are_written_without_needless_digits(value, text):
    assert tick_text(value) == text


def test_a_drawing_is_named_for_those_who_do_not_see_it():
    frame = Frame(
        x=Scale(start=0, end=1, from_pixel=10, to_pixel=90),
        y=Scale(start=0, end=1, from_pixel=90, to_pixel=10),
        x_label="a < b",
        y_label="up",
    )
    root = ET.fromstring(  # noqa: S314  our own
        drawing(frame.drawn(), key="k", title="A plot", description="It shows.", width=100, height=100)
    )
    named = {one.get("id"): one.text for one in root if one.get("id")}
    assert (named[root.get("aria-labelledby")], named[root.get("aria-describedby")]) == ("A plot", "It shows.")
    texts = [one.text for one in root.iter("text")]
    assert {"a < b", "up", "0", "0.2", "1"} <= set(texts)
