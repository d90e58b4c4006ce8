"""The plots of an evaluation, as SVG for the inside of a page."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from lookalike.evaluation.measures import Measure
from lookalike.evaluation.report.contents import DepthCurve
from lookalike.evaluation.report.svg import Frame, Scale, drawing, element, joined
from lookalike.evaluation.report.tables import GroupRow
from lookalike.evaluation.report.wording import decimal, span
from lookalike.evaluation.scoring import Evaluation
from lookalike.evaluation.significance import Interval

_WIDTH = 360.0
_HEIGHT = 230.0
_BINS = 20
_POINTS = 1500
"""More points than these are drawn as a grid of circles, each as large as it has queries."""
_NAMED = 5
_SAME = 1e-12
_GROUPS = 16
_ROW = 24.0
_NAME_LENGTH = 22


def histogram(evaluation: Evaluation, measure: Measure, *, key: str) -> Markup:
    """How many queries have which value, in 20 steps from 0 to 1, with the mean as a line."""
    values = evaluation.of(measure)
    defined = values[~np.isnan(values)]
    counts, edges = np.histogram(defined, bins=_BINS, range=(0.0, 1.0))
    frame = Frame(
        x=Scale(start=0, end=1, from_pixel=44, to_pixel=_WIDTH - 12),
        y=Scale(start=0, end=max(1, int(counts.max())), from_pixel=_HEIGHT - 44, to_pixel=30),
        x_label=f"{measure} of a query",
        y_label="queries",
    )
    bars = [
        element(
            "rect",
            element("title", f"{low:.2f} to {high:.2f}: {_queries(int(count))}"),
            x=frame.x(low) + 1,
            y=frame.y(count),
            width=frame.x(high) - frame.x(low) - 2,
            height=frame.y(0) - frame.y(count),
            rx=1.5,
            class_="served",
        )
        for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if count
    ]
    mean = evaluation.mean(measure)
    return drawing(
        frame.drawn(),
        *bars,
        _mean_line(frame, mean),
        key=key,
        title=f"How {measure} is spread over the queries",
        description=f"Histogram of {_queries(len(defined))} with a value; mean {decimal(mean)};"
        f" {_queries(evaluation.undefined(measure))} not defined.",
        width=_WIDTH,
        height=_HEIGHT,
    )


def scatter(first: Evaluation, second: Evaluation, measure: Measure, *, names: tuple[str, str], key: str) -> Markup:
    """Every query's value in two systems: above the diagonal the first is better.

    Args:
        first: up.
        second: across.
        measure: of both.
        names: of the two, in that order.
        key: unique in the page.
    """
    side = _WIDTH - 70
    frame = Frame(
        x=Scale(start=0, end=1, from_pixel=48, to_pixel=48 + side),
        y=Scale(start=0, end=1, from_pixel=26 + side, to_pixel=26),
        x_label=f"{measure}, {names[1]}",
        y_label=f"{measure}, {names[0]}",
    )
    spots = _spots(first, second, measure)
    largest = max((spot.count for spot in spots), default=1)
    circles = [_circle(frame, spot, names, largest) for spot in sorted(spots, key=lambda spot: -spot.count)]
    return drawing(
        frame.drawn(vertical=True),
        element("line", x1=frame.x(0), y1=frame.y(0), x2=frame.x(1), y2=frame.y(1), class_="diagonal"),
        *circles,
        key=key,
        title=f"{measure} of each query: {names[0]} and {names[1]}",
        description=f"Scatter plot of {_queries(sum(spot.count for spot in spots))}. Above the diagonal {names[0]} is"
        f" better, below it {names[1]}; larger circles are several queries.",
        width=_WIDTH,
        height=side + 70,
    )


def forest(groups: Sequence[GroupRow], measure: Measure, *, key: str) -> Markup:
    """Means of groups with their intervals, one line a group, from large to small; the mean of all as a line."""
    shown = [(group, found) for group in groups[:_GROUPS] if (found := group.intervals[measure]) is not None]
    left, top = 168.0, 14.0
    bottom = top + _ROW * max(1, len(shown))
    frame = Frame(
        x=Scale(start=0, end=1, from_pixel=left, to_pixel=_WIDTH - 14),
        y=Scale(start=0, end=1, from_pixel=bottom, to_pixel=top),
        x_label=str(measure),
    )
    rows = [_group_mark(frame, group, found, top + (place + 0.5) * _ROW) for place, (group, found) in enumerate(shown)]
    everything = groups[0].intervals[measure] if groups else None
    return drawing(
        frame.drawn(horizontal=False, vertical=True, numbered=False),
        _mean_line(frame, everything.mean if everything else math.nan, label=False),
        *rows,
        key=key,
        title=f"{measure} by group of queries",
        description=f"Mean and interval of {len(shown)} groups; the numbers are in the table of groups.",
        width=_WIDTH,
        height=bottom + 44,
    )


def depth_plot(curves: Sequence[DepthCurve], *, key: str) -> Markup:
    """One measure at several depths, a line a system.

    Args:
        curves: of one measure; each has a depth.
        key: unique in the page.
    """
    name = curves[0].measure
    deepest = max(2, *(depth for curve in curves for depth in curve.depths))
    frame = Frame(
        x=Scale(start=1, end=deepest, from_pixel=44, to_pixel=_WIDTH - 16, logarithmic=True),
        y=Scale(start=0, end=1, from_pixel=_HEIGHT - 44, to_pixel=26),
        x_label="first k results",
        y_label=f"{name}@k",
    )
    lines = [_curve(frame, curve, place) for place, curve in enumerate(curves)]
    ends = "; ".join(
        f"{curve.system}: {decimal(curve.means[0])} at {curve.depths[0]},"
        f" {decimal(curve.means[-1])} at {curve.depths[-1]}"
        for curve in curves
    )
    return drawing(
        frame.drawn(), *lines, key=key, title=f"{name} by depth", description=ends, width=_WIDTH, height=_HEIGHT
    )


def mean_mark(mean: float, low: float, high: float, *, key: str) -> Markup:
    """A mean and its interval on a line from 0 to 1, for a table's cell. The numbers stand beside it."""
    scale = Scale(start=0, end=1, from_pixel=6, to_pixel=134)
    whisker = () if math.isnan(low) else (element("line", x1=scale(low), x2=scale(high), y1=9, y2=9, class_="whisker"),)
    return element(
        "svg",
        element("line", x1=6, x2=134, y1=9, y2=9, class_="grid"),
        *whisker,
        element("circle", cx=scale(mean), cy=9, r=4.5, class_="served"),
        viewBox="0 0 140 18",
        class_="mark",
        aria_hidden="true",
        id=key,
    )


SYSTEM_CLASSES = ("served", "exact", "against")


def legend_mark(place: int) -> Markup:
    """The sign of the system at that place of `depth_plot`'s curves."""
    mark = _marker(SYSTEM_CLASSES[place % len(SYSTEM_CLASSES)], 6, 6, "")
    return element("svg", mark, viewBox="0 0 12 12", aria_hidden="true")


def _group_mark(frame: Frame, group: GroupRow, found: Interval, y: float) -> Markup:
    low, high = (found.mean, found.mean) if math.isnan(found.low) else (found.low, found.high)
    says = f"{group.name}: {decimal(found.mean)} ({span(found)}), {_queries(found.queries)}"
    name = element(
        "text",
        _shortened(group.name),
        element("title", group.name),
        x=frame.x.from_pixel - 10,
        y=y + 4,
        text_anchor="end",
    )
    whisker = "whisker small" if group.small else "whisker"
    dot = "small" if group.small else "served"
    return joined(
        [
            name,
            element("line", x1=frame.x(low), x2=frame.x(high), y1=y, y2=y, class_=whisker),
            element("circle", element("title", says), cx=frame.x(found.mean), cy=y, r=5, class_=dot),
        ]
    )


def _curve(frame: Frame, curve: DepthCurve, place: int) -> Markup:
    style = SYSTEM_CLASSES[place % len(SYSTEM_CLASSES)]
    points = [(d, m) for d, m in zip(curve.depths, curve.means, strict=True) if not math.isnan(m)]
    path = " ".join(f"{frame.x(depth):.1f},{frame.y(mean):.1f}" for depth, mean in points)
    marks = [
        _marker(style, frame.x(depth), frame.y(mean), f"{curve.system}: {curve.measure}@{depth} = {decimal(mean)}")
        for depth, mean in points
    ]
    return element("g", element("polyline", points=path, class_=f"line {style}"), *marks)


def _marker(style: str, x: float, y: float, says: str) -> Markup:
    """Each system has its own shape: colour alone would leave some readers out."""
    title = element("title", says)
    if style == "exact":
        return element("rect", title, x=x - 3.5, y=y - 3.5, width=7, height=7, class_=style)
    if style == "against":
        corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y + 4:.1f} {x - 5:.1f},{y + 4:.1f}"
        return element("polygon", title, points=corners, class_=style)
    return element("circle", title, cx=x, cy=y, r=3.5, class_=style)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Queries at one place of a scatter plot."""

    up: float
    across: float
    count: int
    label: str


def _spots(first: Evaluation, second: Evaluation, measure: Measure) -> list[_Spot]:
    ours = dict(zip(first.queries, first.of(measure).tolist(), strict=True))
    theirs = dict(zip(second.queries, second.of(measure).tolist(), strict=True))
    both = [q for q in ours if q in theirs and not math.isnan(ours[q]) and not math.isnan(theirs[q])]
    steps = 50 if len(both) > _POINTS else 10_000
    places: dict[tuple[float, float], list[str]] = defaultdict(list)
    for query in both:
        places[round(ours[query] * steps) / steps, round(theirs[query] * steps) / steps].append(query)
    return [_spot(up, across, queries) for (up, across), queries in places.items()]


def _circle(frame: Frame, spot: _Spot, names: tuple[str, str], largest: int) -> Markup:
    better = "served" if spot.up > spot.across + _SAME else "against" if spot.up < spot.across - _SAME else "tie"
    return element(
        "circle",
        element("title", f"{spot.label}: {names[0]} {spot.up:.3f}, {names[1]} {spot.across:.3f}"),
        cx=frame.x(spot.across),
        cy=frame.y(spot.up),
        r=3 + 6 * math.sqrt((spot.count - 1) / largest),
        class_=better,
    )


def _spot(up: float, across: float, queries: list[str]) -> _Spot:
    named = ", ".join(_shortened(query, 60) for query in queries[:_NAMED])
    more = f" and {len(queries) - _NAMED} more" if len(queries) > _NAMED else ""
    return _Spot(up=up, across=across, count=len(queries), label=named + more)


def _mean_line(frame: Frame, mean: float, *, label: bool = True) -> Markup:
    if math.isnan(mean):
        return Markup("")
    at = frame.x(mean)
    line = element("line", x1=at, x2=at, y1=frame.y.from_pixel, y2=frame.y.to_pixel - 6, class_="mean")
    if not label:
        return line
    x, y = frame.x.to_pixel, frame.y.to_pixel - 14
    return joined([line, element("text", f"mean {decimal(mean)}", x=x, y=y, text_anchor="end", class_="strong")])


def _queries(count: int) -> str:
    return "1 query" if count == 1 else f"{count:,} queries"


def _shortened(text: str, length: int = _NAME_LENGTH) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
