"""Drawing what was measured. matplotlib takes half a second to import, and is loaded when something is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.errors import CallerError, StorageFailed
from lookalike.on_demand import load
from lookalike.snapshot import Goals
from lookalike.tuning.measuring import Measurement
from lookalike.tuning.quantities import spoken_bytes, spoken_seconds
from lookalike.tuning.tuner import Tuning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
_COLOURS = (
    "#3b6ea5",
    "#d6336c",
    "#2b8a3e",
    "#e67700",
    "#7048e8",
    "#0b7285",
    "#5c4033",
    "#868e96",
    "#c2255c",
    "#495057",
)
_MISSING = "plots need matplotlib: run `pip install matplotlib`"
_LARGEST = 420.0  # square points
_SMALLEST = 25.0
_LEGEND = 60.0
_INK, _FAINT = "#1c1c1e", "#dee2e6"


def check_plot(path: Path) -> None:
    """Refuse a file that could not be written later, before minutes are spent.

    Raises:
        CallerError: it does not end in a format that can be drawn, or its folder is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise CallerError(f"{path}: end the name in one of {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise CallerError(f"{path}: there is no folder {path.parent}")


def save_plot(tuning: Tuning, path: Path) -> None:
    """Draw recall against latency, one point a setting, its area by the memory it takes.

    Raises:
        StorageFailed: the file cannot be written.
    """
    style = {"svg.hashsalt": "lookalike", "font.size": 10, "axes.edgecolor": _FAINT}  # the salt: the same bytes again
    with load("matplotlib", otherwise=_MISSING).rc_context(style):
        figure = load("matplotlib.figure", otherwise=_MISSING).Figure(figsize=(9, 5.5), layout="constrained")
        _draw(figure.add_subplot(), tuning)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as fault:
            raise StorageFailed(f"{path}: the plot cannot be written: {fault.strerror or fault}") from fault


def _draw(axes: "Axes", tuning: Tuning) -> None:
    largest = max(one.bytes_in_memory for one in tuning.measured)
    for place, name in enumerate(dict.fromkeys(one.backend for one in tuning.measured)):
        points = [one for one in tuning.measured if one.backend == name]
        _scatter(axes, points, _COLOURS[place % len(_COLOURS)], name, largest)
    _mark_goals(axes, tuning.goals)
    if tuning.chosen is not None:
        _mark_choice(axes, tuning.chosen, largest)
    axes.set_yscale("log")
    axes.margins(x=0.08, y=0.2)
    formatter = load("matplotlib.ticker", otherwise=_MISSING).FuncFormatter
    axes.yaxis.set_major_formatter(formatter(lambda seconds, _: spoken_seconds(seconds)))
    axes.yaxis.set_minor_formatter(formatter(lambda _seconds, _: ""))
    axes.set_xlabel("recall@10")
    axes.set_ylabel("one query, median")
    axes.set_title(f"{tuning.size:,} images; the area is the memory, the line joins settings of one build", loc="left")
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for handle in axes.legend(frameon=False).legend_handles:
        if isinstance(handle, load("matplotlib.collections", otherwise=_MISSING).PathCollection):
            handle.set_sizes([_LEGEND])


def _mark_goals(axes: "Axes", goals: Goals) -> None:
    axes.axvline(goals.recall, color=_INK, linewidth=0.8, linestyle="--")
    place = (goals.recall, 1)
    axes.annotate(f" asked for: {goals.recall:g}", place, xycoords=("data", "axes fraction"), va="top", fontsize=9)
    if goals.latency is not None:
        axes.axhline(goals.latency, color=_INK, linewidth=0.8, linestyle="--")


def _mark_choice(axes: "Axes", chosen: Measurement, largest: int) -> None:
    point = (chosen.recall.mean, chosen.p50_seconds)
    area = 2.2 * _area(chosen, largest) + 60
    axes.scatter([point[0]], [point[1]], s=area, facecolors="none", edgecolors=_INK, linewidths=1.5)
    words = f"chosen: {chosen.backend}\n{spoken_bytes(chosen.bytes_per_vector)} a vector"
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    axes.annotate(words, point, (0, -14), textcoords="offset points", ha="center", va="top", fontsize=9, bbox=paper)


def _scatter(axes: "Axes", points: Sequence[Measurement], colour: str, name: str, largest: int) -> None:
    areas = [_area(one, largest) for one in points]
    recalls, seconds = [one.recall.mean for one in points], [one.p50_seconds for one in points]
    axes.scatter(recalls, seconds, s=areas, color=colour, alpha=0.75, linewidths=0, label=name)
    for building in dict.fromkeys(one.building for one in points):
        same = [one for one in points if one.building == building]
        axes.plot([one.recall.mean for one in same], [one.p50_seconds for one in same], color=colour, linewidth=0.8)


def _area(one: Measurement, largest: int) -> float:
    return max(_LARGEST * one.bytes_in_memory / largest, _SMALLEST)
