"""SVG for the inside of a page: elements with everything escaped, scales with round ticks, and the frame of a plot.

Colours and type come from the page's style sheet by class, so that dark mode and print need no second drawing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

MINUS = "\u2212"
_LARGEST_STEP_COUNT = 6


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """One element. Text children and attribute values are escaped.

    Args:
        name: of the element.
        children: text, or elements made by this function.
        attributes: `class_` is `class`; other underscores become hyphens; None leaves one out; numbers get two digits.
    """
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value) if isinstance(value, (int, float)) else value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{spelled}>{inner}</{name}>")  # noqa: S704  every part was escaped above


def joined(parts: Sequence[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def drawing(*children: Markup, key: str, title: str, description: str, width: float, height: float) -> Markup:
    """A whole drawing that scales with its place and is read out as one picture.

    Args:
        children: what is drawn.
        key: unique in the page.
        title: its name.
        description: what it shows, for those who do not see it.
        width: of the coordinate system.
        height: of the coordinate system.
    """
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
        class_="plot",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Values to pixels along one axis.

    Attributes:
        start: value at `from_pixel`.
        end: value at `to_pixel`; different from `start`.
        from_pixel: where the axis begins.
        to_pixel: where it ends.
        logarithmic: equal steps are equal ratios; values are above 0.
    """

    start: float
    end: float
    from_pixel: float
    to_pixel: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        start, end, value = (math.log(v) if self.logarithmic else v for v in (self.start, self.end, value))
        return self.from_pixel + (value - start) / (end - start) * (self.to_pixel - self.from_pixel)

    def ticks(self) -> tuple[float, ...]:
        """Round values within: at most seven, or 1-2-5 steps on a logarithmic axis."""
        if self.logarithmic:
            return tuple(_round_ratios(self.start, self.end))
        step = _round_step((self.end - self.start) / _LARGEST_STEP_COUNT)
        first, last = math.ceil(self.start / step - 1e-9), math.floor(self.end / step + 1e-9)
        return tuple(place * step for place in range(first, last + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The area of a plot with its two axes.

    Attributes:
        x: from left to right.
        y: from bottom to top: its `from_pixel` is the larger.
        x_label: below.
        y_label: on top of the vertical axis; empty for none.
    """

    x: Scale
    y: Scale
    x_label: str
    y_label: str = ""

    def drawn(self, *, horizontal: bool = True, vertical: bool = False, numbered: bool = True) -> Markup:
        """Grid, tick labels and axis labels.

        Args:
            horizontal: lines across.
            vertical: lines up.
            numbered: whether the vertical axis has numbers.
        """
        left, right, bottom, top = self.x.from_pixel, self.x.to_pixel, self.y.from_pixel, self.y.to_pixel
        parts = [element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis")]
        for tick in self.x.ticks():
            at = self.x(tick)
            if vertical:
                parts.append(element("line", x1=at, x2=at, y1=bottom, y2=top, class_="grid"))
            parts.append(element("text", tick_text(tick), x=at, y=bottom + 16, text_anchor="middle"))
        for tick in self.y.ticks() if horizontal or numbered else ():
            at = self.y(tick)
            if horizontal:
                parts.append(element("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
            if numbered:
                parts.append(element("text", tick_text(tick), x=left - 6, y=at + 4, text_anchor="end"))
        middle = (left + right) / 2
        parts.append(element("text", self.x_label, x=middle, y=bottom + 34, text_anchor="middle", class_="label"))
        if self.y_label:
            parts.append(element("text", self.y_label, x=left - 30, y=top - 14, class_="label"))
        return joined(parts)


def tick_text(value: float) -> str:
    """A round number without needless digits."""
    return f"{value:,.6g}".replace("-", MINUS) if abs(value) < 1e6 else f"{value:.1e}"  # noqa: PLR2004  then it is long


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _round_ratios(start: float, end: float) -> Iterator[float]:
    few = math.log10(end / start) > 3  # noqa: PLR2004  decades
    for power in range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1):
        for factor in (1,) if few else (1, 2, 5):
            value = factor * 10.0**power
            if start * (1 - 1e-9) <= value <= end * (1 + 1e-9):
                yield value
