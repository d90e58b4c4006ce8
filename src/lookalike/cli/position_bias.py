"""`lookalike position-bias`."""

import math
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lookalike.cli.judging import check_outputs
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.feedback.position_bias import METHODS
from lookalike.library import position_bias as use_case
from lookalike.library.opening import open_library
from lookalike.library.position_bias import PositionBiasRequest, PositionBiasResult

_BAR = 30

OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the propensities to a file for `train --position-bias`."),
]
MethodOption = Annotated[
    str,
    typer.Option(help=f"auto, {', '.join(METHODS)}. `auto` is harvesting where images were shown at several places."),
]
ColumnsOption = Annotated[
    int, typer.Option(min=1, max=50, help="Columns of the grid that hits are shown in; 1 for a list.")
]


def position_bias(
    *,
    out: OutOption = None,
    method: MethodOption = "auto",
    columns: ColumnsOption = 1,
    places: Annotated[int, typer.Option(min=2, max=1_000, help="Number of ranks to estimate.")] = 50,
    include_simulated: Annotated[bool, typer.Option("--include-simulated", help="Also use simulated clicks.")] = False,
    resamples: Annotated[int, typer.Option(min=0, max=100_000, help="Random draws for the intervals.")] = 200,
    since: Annotated[datetime | None, typer.Option(help="Only searches since that day (UTC).")] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the intervals.")] = 0,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate how likely each rank is looked at, from clicks. Upper hits are clicked more because they are seen more.

    It needs no experiment where the same image was shown at several ranks for the same query, for instance because
    another model answered before.
    """
    with (
        faults_are_told(as_json=as_json),
        open_library(settings_for(library)) as opened,
        IndexProgress(messages, quiet=as_json) as progress,
    ):
        check_outputs(out)
        request = PositionBiasRequest(
            out=out,
            method=method,
            columns=columns,
            places=places,
            include_simulated=include_simulated,
            since=since.astimezone() if since else None,
            resamples=resamples,
            seed=seed,
        )
        result = use_case.position_bias(opened, request, progress)
    if as_json:
        print_json(_document(result))
        return
    tell_warnings(result.warnings)
    _print(result)
    if out is not None:
        console.print(printable(f"Written: {out}"), soft_wrap=True)


def _document(result: PositionBiasResult) -> dict[str, object]:
    curve = result.curve
    return {
        "simulated": result.simulated,
        "method": curve.method,
        "searches": result.searches,
        "documents": curve.documents,
        "confidence": curve.confidence,
        "click_rate": result.click_rate,
        "corrected_click_rate": _number(result.corrected_click_rate),
        "columns": result.columns,
        "places": [
            {
                "rank": place + 1,
                "row": place // result.columns + 1,
                "column": place % result.columns + 1,
                "propensity": _number(curve.propensities[place]),
                "low": _number(curve.low[place]),
                "high": _number(curve.high[place]),
                "offset": None if curve.offsets is None else _number(curve.offsets[place]),
                "impressions": int(curve.impressions[place]),
                "clicks": int(curve.clicks[place]),
            }
            for place in range(len(curve.propensities))
        ],
        "warnings": list(result.warnings),
    }


def _print(result: PositionBiasResult) -> None:
    curve = result.curve
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("rank", *(("row, column",) if result.columns > 1 else ()), "propensity", "95 % interval"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for heading in ("impressions", "clicks"):
        table.add_column(heading, justify="right")
    for place, value in enumerate(curve.propensities.tolist()):
        cell = [f"{place // result.columns + 1}, {place % result.columns + 1}"] if result.columns > 1 else []
        table.add_row(
            str(place + 1),
            *cell,
            "unknown" if math.isnan(value) else f"{value:.3f}",
            "" if math.isnan(curve.low[place]) else f"{curve.low[place]:.3f} to {curve.high[place]:.3f}",
            "" if math.isnan(value) else "#" * round(_BAR * value),
            f"{curve.impressions[place]:,.0f}",
            f"{curve.clicks[place]:,.0f}",
        )
    console.print_table(table)
    simulated = "simulated " if result.simulated else ""
    console.print(
        f"By {curve.method}, from {result.searches:,} {simulated}searches and {curve.documents:,} pairs of query and"
        f" image. Click rate {result.click_rate:.4f}, corrected for position {result.corrected_click_rate:.4f}.",
        soft_wrap=True,
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
