"""The comparison of models: quality and cost of each, the Pareto front, and a recommendation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from lookalike.evaluation.report.svg import Frame, Scale, drawing, element
from lookalike.evaluation.report.wording import byte_size, decimal, rate
from lookalike.pareto import pareto_front

_WIDTH = 720.0
_HEIGHT = 400.0
_SIGNIFICANT = 0.05
_LARGEST_RADIUS = 22.0
_SMALLEST_RADIUS = 5.0
_LETTER = 7.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPoint:
    """Quality and cost of one model.

    Attributes:
        name: of the model.
        quality: mean of the measure, 0 to 1.
        low: lower end of its interval; NaN where there is none.
        high: upper end.
        milliseconds: for the vector of one query.
        bytes_per_image: of its vectors, in the catalog and index.
        images_per_second: while indexing.
        p_value: of the paired test against the best model, adjusted for how many there are; None where not made, as
            for the best itself.
    """

    name: str
    quality: float
    low: float
    high: float
    milliseconds: float
    bytes_per_image: float
    images_per_second: float
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """All that the report of a bake-off shows.

    Attributes:
        measure: the spelling of the measure of quality.
        explanation: what it means.
        judgements: the file or the set.
        queries: judged.
        images: that were searched.
        points: the models.
        machine: what the times were taken on.
        at: when.
        version: of lookalike.
        command: that was typed.
        warnings: a sentence each.
        advice: one sentence; None for what `advice` says.
    """

    measure: str
    explanation: str
    judgements: str
    queries: int
    images: int
    points: tuple[BenchPoint, ...]
    machine: str
    at: datetime
    version: str
    command: str
    warnings: tuple[str, ...] = ()
    advice: str | None = None


def unbeaten(points: Sequence[BenchPoint]) -> tuple[BenchPoint, ...]:
    """The models that no other beats in quality without being slower; fastest first.

    A model whose quality or time is NaN is never among them.
    """
    front = pareto_front(_measured(points), lambda point: (point.quality, -point.milliseconds))
    return tuple(sorted(front, key=lambda point: (point.milliseconds, point.name)))


def advice(points: Sequence[BenchPoint]) -> str:
    """Which model to take, in one sentence.

    It is the fastest of those that cannot be told from the best: whose adjusted p-value is 0.05 or more or, where no
    test was made, whose quality is within the best one's interval.
    """
    measured = _measured(points)
    if not measured:
        return "No model could be measured."
    best = max(measured, key=lambda point: (point.quality, -point.milliseconds))
    chosen = min((p for p in measured if _as_good(p, best)), key=lambda point: (point.milliseconds, -point.quality))
    if len(measured) == 1:
        return f"Only {best.name} was measured: {decimal(best.quality)}, {rate(best.milliseconds)} ms a query."
    if chosen is best:
        return (
            f"Take {best.name}: it ranks best on your images ({_quality(best)}), and no faster model comes as near as"
            " chance would explain."
        )
    times = best.milliseconds / chosen.milliseconds if chosen.milliseconds > 0 else math.inf
    return (
        f"Take {chosen.name}: its quality ({_quality(chosen)}) cannot be told from that of the best, {best.name}"
        f" ({_quality(best)}), and it answers {times:.1f} times as fast."
    )


def pareto_svg(points: Sequence[BenchPoint], *, measure: str, key: str = "pareto") -> Markup:
    """The plot of `pareto_plot` for the inside of a page."""
    measured = _measured(points)
    front = unbeaten(points)
    frame = _frame(measured, measure)
    parts = [] if len(front) < 2 else [element("polyline", points=_steps(frame, front), class_="line front")]  # noqa: PLR2004
    most = max((point.bytes_per_image for point in measured), default=1.0)
    names = {point.name for point in front}
    taken = _covered(frame, front)
    for point in sorted(measured, key=lambda point: -point.bytes_per_image):
        x, y = frame.x(point.milliseconds), frame.y(point.quality)
        radius = circle_radius(point.bytes_per_image, most)
        if not math.isnan(point.low):
            parts.append(element("line", x1=x, x2=x, y1=frame.y(point.low), y2=frame.y(point.high), class_="whisker"))
        parts.append(
            element(
                "circle",
                element("title", _says(point)),
                cx=x,
                cy=y,
                r=radius,
                class_="served" if point.name in names else "tie",
            )
        )
        taken.append((x - radius, x + radius, y - radius, y + radius))
    parts += [_label(frame, point, circle_radius(point.bytes_per_image, most), taken) for point in measured]
    return drawing(
        frame.drawn(vertical=True),
        *parts,
        key=key,
        title=f"{measure} against time a query",
        description="Models of the front, which no other beats in quality without being slower: "
        + ", ".join(_says(point) for point in front),
        width=_WIDTH,
        height=_HEIGHT,
    )


def circle_radius(count: float, most: float, *, largest: float = _LARGEST_RADIUS) -> float:
    """Radius whose area is proportional to bytes an image, yet large enough to be seen."""
    if math.isnan(count) or most <= 0:
        return _SMALLEST_RADIUS
    return max(_SMALLEST_RADIUS, largest * math.sqrt(max(0.0, count) / most))


def _measured(points: Sequence[BenchPoint]) -> list[BenchPoint]:
    return [p for p in points if math.isfinite(p.quality) and math.isfinite(p.milliseconds) and p.milliseconds > 0]


def _as_good(point: BenchPoint, best: BenchPoint) -> bool:
    if point is best:
        return True
    if point.p_value is not None and not math.isnan(point.p_value):
        return point.p_value >= _SIGNIFICANT
    return point.quality >= (best.quality if math.isnan(best.low) else best.low)


def _quality(point: BenchPoint) -> str:
    if math.isnan(point.low):
        return decimal(point.quality)
    return f"{decimal(point.quality)}, {decimal(point.low)} to {decimal(point.high)}"


def _says(point: BenchPoint) -> str:
    return (
        f"{point.name}: {_quality(point)}; {rate(point.milliseconds)} ms a query;"
        f" {byte_size(point.bytes_per_image)} an image; {rate(point.images_per_second)} images a second"
    )


def _frame(points: Sequence[BenchPoint], measure: str) -> Frame:
    """Axes with room around the points; time is logarithmic, because models differ by factors."""
    times = [point.milliseconds for point in points] or [1.0]
    ends = [end for point in points for end in (point.low, point.high, point.quality) if math.isfinite(end)] or [0, 1]
    room = max(0.02, 0.12 * (max(ends) - min(ends)))
    return Frame(
        x=Scale(start=min(times) / 1.6, end=max(times) * 2.2, from_pixel=60, to_pixel=_WIDTH - 20, logarithmic=True),
        y=Scale(
            start=max(0.0, min(ends) - room),
            end=min(1.0, max(ends) + room),
            from_pixel=_HEIGHT - 48,
            to_pixel=30,
        ),
        x_label="milliseconds a query (logarithmic)",
        y_label=measure,
    )


def _steps(frame: Frame, front: Sequence[BenchPoint]) -> str:
    corners = []
    for place, point in enumerate(front):
        x, y = frame.x(point.milliseconds), frame.y(point.quality)
        if place:
            corners.append((x, frame.y(front[place - 1].quality)))
        corners.append((x, y))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _label(frame: Frame, point: BenchPoint, radius: float, taken: list[tuple[float, float, float, float]]) -> Markup:
    """The model's name where it covers nothing: right, left, above or below of its circle."""
    x, y, width = frame.x(point.milliseconds), frame.y(point.quality), _LETTER * len(point.name)
    gap = radius + 5
    places = [(x + gap, y + 4), (x + radius * 0.7 + 4, y - radius * 0.7 - 4), (x - gap - width, y + 4)]
    places += [(x + gap, y + 4 + shift) for shift in (14, -14, 28, -28)] + [(x - gap - width, y - 12)]
    boxes = [(left, left + width, base - 11, base + 3) for left, base in places]
    fitting = [
        place
        for place, box in zip(places, boxes, strict=True)
        if box[0] > frame.x.from_pixel and box[1] < _WIDTH and not any(_overlap(box, other) for other in taken)
    ]
    left, base = fitting[0] if fitting else places[0]
    taken.append((left, left + width, base - 11, base + 3))
    return element("text", point.name, x=left, y=base, class_="strong")


def _covered(frame: Frame, front: Sequence[BenchPoint]) -> list[tuple[float, float, float, float]]:
    """Boxes (left, right, top, bottom) of the front's steps."""
    boxes = []
    for one, other in pairwise(front):
        left, right = frame.x(one.milliseconds), frame.x(other.milliseconds)
        bottom, top = frame.y(one.quality), frame.y(other.quality)
        boxes += [(left, right, bottom - 1, bottom + 1), (right - 1, right + 1, top, bottom)]
    return boxes


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
