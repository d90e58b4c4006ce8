"""Plots of a training run. The only module of training that needs matplotlib, which takes half a second to import."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from lookalike.errors import StorageFailed

_LOSS, _VALIDATION, _FAINT = "#3b6ea5", "#d6336c", "#dee2e6"


def save_curves(lines: list[dict[str, Any]], path: Path) -> None:
    """Draw the loss, and nDCG@10 of validation, over steps.

    Args:
        lines: of a run's metrics.
        path: ends in .svg or .png.

    Raises:
        StorageFailed: the file cannot be written.
    """
    with rc_context({"svg.hashsalt": "lookalike", "font.size": 10, "axes.edgecolor": _FAINT}):  # the same bytes again
        figure = Figure(figsize=(9, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, key, colour, what in (
            (left, "loss", _LOSS, "loss"),
            (right, "validation", _VALIDATION, "nDCG@10 of validation queries"),
        ):
            found = [(line["step"], line[key]) for line in lines if key in line]
            if found:
                steps, values = zip(*found, strict=True)
                axes.plot(steps, values, color=colour, marker="o" if key == "validation" else None, markersize=3)
            axes.set_xlabel("step")
            axes.set_title(what, fontsize=10)
            axes.grid(color=_FAINT)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as fault:
            raise StorageFailed(f"{path}: cannot be written: {fault.strerror or fault}") from None
