"""The bake-off as a picture file, drawn with matplotlib."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.durable import replace_file
from lookalike.evaluation.report.bench import BenchPoint, circle_radius, unbeaten
from lookalike.on_demand import load

_MISSING = "plots need matplotlib: run `pip install matplotlib`"
_INK, _FRONT, _OTHER = "#33312f", "#0072b2", "#8b8680"
_LARGEST_POINTS = 26.0  # radius of the largest circle, in typographic points


def pareto_plot(points: Sequence[BenchPoint], path: Path, *, measure: str = "quality") -> None:
    """Quality with its interval against milliseconds a query; a circle's area is bytes an image; the front is a line.

    Args:
        points: models; those whose quality or time is not a positive number are left out.
        path: ending in `.svg`, `.png` or another suffix that matplotlib knows.
        measure: label of the quality axis.

    Raises:
        StorageFailed: the file cannot be written.
        ValueError: matplotlib does not know the suffix.
    """
    measured = [p for p in points if np.isfinite(p.quality) and np.isfinite(p.milliseconds) and p.milliseconds > 0]
    figure = _matplotlib("figure").Figure(figsize=(8.5, 5), layout="constrained")
    _matplotlib("backends.backend_agg").FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    _draw_front(axes, unbeaten(measured))
    _draw_points(axes, measured)
    _label_axes(axes, measured, measure)
    content = BytesIO()
    # Without the date the same numbers give the same bytes, so that a committed plot changes only with them.
    undated = {"Date": None} if path.suffix == ".svg" else {}
    with load("matplotlib", otherwise=_MISSING).rc_context({"svg.hashsalt": "lookalike"}):  # else ids in SVG are random
        figure.savefig(content, format=path.suffix.lstrip(".") or "png", dpi=160, metadata=undated)
    replace_file(path, content.getvalue())


def _matplotlib(module: str) -> Any:
    """Slow to import, and few commands plot."""
    return load(f"matplotlib.{module}", otherwise=_MISSING)


def _draw_front(axes: Any, front: Sequence[BenchPoint]) -> None:
    if front:
        axes.step(
            [point.milliseconds for point in front],
            [point.quality for point in front],
            where="post",
            color=_FRONT,
            linewidth=1.6,
            linestyle=(0, (5, 3)),
            zorder=1,
            label="front: none better without being slower",
        )
        axes.legend(loc="lower right", frameon=False, fontsize=9)


def _draw_points(axes: Any, points: Sequence[BenchPoint]) -> None:
    halo = _matplotlib("patheffects").withStroke
    names = {point.name for point in unbeaten(points)}
    most = max((point.bytes_per_image for point in points), default=1.0)
    for point in points:
        colour = _FRONT if point.name in names else _OTHER
        radius = circle_radius(point.bytes_per_image, most, largest=_LARGEST_POINTS)
        if np.isfinite(point.low):
            axes.vlines(point.milliseconds, point.low, point.high, color=_INK, linewidth=1.2, zorder=3)
        axes.scatter(
            [point.milliseconds], [point.quality], s=(2 * radius) ** 2 * np.pi / 4, color=colour, alpha=0.6, zorder=2
        )
        axes.annotate(
            point.name.replace("$", r"\$"),  # matplotlib reads a pair of dollars as a formula
            (point.milliseconds, point.quality),
            xytext=(radius + 4, 5),
            textcoords="offset points",
            fontsize=9,
            color=_INK,
            zorder=4,
            path_effects=[halo(linewidth=3, foreground="white")],
        )


def _label_axes(axes: Any, points: Sequence[BenchPoint], measure: str) -> None:
    if points:
        times = [point.milliseconds for point in points]
        axes.set_xlim(min(times) / 1.6, max(times) * 2.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.set_xlabel("milliseconds a query (logarithmic); the area of a circle is bytes an image")
    axes.set_ylabel(measure)
    axes.grid(visible=True, which="major", color="#dedbd7", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
