"""`lookalike tune`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lookalike.cli.output import (
    ExitCode,
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    stop,
    words,
)
from lookalike.library import tune as use_case
from lookalike.library.opening import open_library
from lookalike.library.tune import TuneRequest
from lookalike.tuning import (
    Goals,
    Measurement,
    Tuning,
    parsed_bytes,
    parsed_seconds,
    spoken_bytes,
    spoken_parameters,
    spoken_seconds,
)
from lookalike.tuning.plotting import check_plot, save_plot

_SECONDS_BETWEEN_LINES = 10.0
_TABLE_COLUMNS = 80


RecallOption = Annotated[float, typer.Option(help="Share of the ten true nearest neighbours to find, such as 0.95.")]
MemoryOption = Annotated[str | None, typer.Option(metavar="SIZE", help="Maximum memory of the index, such as 2GB.")]
LatencyOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Time within which 99 of 100 searches must end, such as 1ms.")
]
BackendsOption = Annotated[
    str | None, typer.Option(metavar="A,B", help="Indexes to measure. [default: those that suit the size]")
]
BudgetOption = Annotated[str, typer.Option(metavar="TIME", help="Time after which no further index is built.")]
PlotOption = Annotated[
    Path | None, typer.Option(metavar="OUT.svg", help="Also draw recall against latency, as SVG, PNG or PDF.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Measure and report, but change nothing.")]


def tune_index(
    *,
    recall: RecallOption = 0.95,
    memory: MemoryOption = None,
    latency: LatencyOption = None,
    backends: BackendsOption = None,
    budget: BudgetOption = "5min",
    plot: PlotOption = None,
    dry_run: DryRunOption = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure indexes on this library's own vectors, choose the best that finds enough, and publish with it.

    The choice is kept for every later publish. Ends with exit code 2, and changes nothing, when no index keeps to
    what was asked for.
    """
    with faults_are_told(as_json=as_json):
        request = TuneRequest(
            goals=Goals(
                recall=recall,
                memory=parsed_bytes(memory, name="--memory") if memory is not None else None,
                latency=parsed_seconds(latency, name="--latency") if latency is not None else None,
            ),
            backends=words(backends or ""),
            budget=parsed_seconds(budget, name="--budget"),
            dry_run=dry_run,
        )
        draw = _plotter(plot)
        with open_library(settings_for(library)) as opened, TuningProgress(messages, quiet=as_json) as progress:
            result = use_case.tune(opened, request, progress)
        draw(result.tuning)
        if as_json:
            print_json(_as_document(result.tuning, result.snapshot))
        else:
            _print(result.tuning, result.snapshot, dry_run=dry_run)
    if result.tuning.chosen is None:
        stop(ExitCode.CALLER)


class TuningProgress:
    """Shows what is being built or measured; a line now and then where there is no terminal. A context manager.

    Args:
        console: where to.
        quiet: show nothing.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._lines = not console.is_terminal and not quiet
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("Reading vectors", total=None)
        self._line_at = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Something begins that takes a while."""
        self._bar.update(self._task, description=name, total=total)
        if self._lines and time.monotonic() - self._line_at > _SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self._console.print(printable(name), soft_wrap=True)

    def advance(self, steps: int = 1) -> None:
        """So many steps are done."""
        self._bar.advance(self._task, steps)

    def note(self, line: str) -> None:
        """A setting was measured."""
        self.stage(line)


def _plotter(path: Path | None) -> Callable[[Tuning], None]:
    """Draws a tuning into a file; a file that could not be written is refused before minutes are spent."""
    if path is None:
        return lambda _: None
    check_plot(path)
    return lambda tuning: save_plot(tuning, path) if tuning.measured else None


def _print(tuning: Tuning, snapshot: int | None, *, dry_run: bool) -> None:
    console.print_table(_table(tuning), most=_TABLE_COLUMNS)
    console.print(f"[dim]{tuning.queries:,} images were left out and asked with; {tuning.seconds:.0f} s[/]")
    _print_left_out(tuning.left_out)
    if tuning.chosen is None:
        messages.print(printable(tuning.because), style="yellow", soft_wrap=True)
        messages.print("Nothing was changed.")
        return
    console.print(printable(tuning.because), style="bold", soft_wrap=True)
    checked = tuning.chosen.checked
    if checked is not None:
        console.print(
            f"On {checked.queries:,} other images, which it was not chosen with, it finds {checked.mean:.4f}"
            f" ± {checked.half_width:.4f}: that is its promise."
        )
    if snapshot is not None:
        console.print(f"Published as snapshot {snapshot}; every later one is built like it.")
    elif dry_run:
        console.print("Nothing was changed (--dry-run).")


def _print_left_out(left_out: Sequence[str]) -> None:
    """One line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for said in left_out:
        name, _, reason = said.rpartition(": ")
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        console.print(printable(f"not measured, {reason}: {'; '.join(names)}"), style="dim", soft_wrap=True)


def _table(tuning: Tuning) -> Table:
    """The front, two lines a row, so that it fits into a narrow terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", width=1)
    table.add_column("index", overflow="fold", min_width=18)
    for heading in ("recall@10", "p50\np99", "batched\n/s", "memory\neach", "mapped", "build"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in tuning.front:
        chosen = one is tuning.chosen
        parameters = f"{spoken_parameters(one.building)} {spoken_parameters(one.searching)}".strip()
        table.add_row(
            "→" if chosen else "",
            f"{one.backend}\n{parameters}",
            f"{one.recall.mean:.3f}\n± {one.recall.half_width:.3f}",
            f"{spoken_seconds(one.p50_seconds)}\n{spoken_seconds(one.p99_seconds)}",
            f"{one.queries_per_second:,.0f}",
            f"{spoken_bytes(one.bytes_in_memory)}\n{one.bytes_per_vector:,.0f} B",
            spoken_bytes(one.bytes_mapped) if one.bytes_mapped else "",
            spoken_seconds(one.build_seconds),
            style="bold green" if chosen else "",
        )
    return table


def _as_document(tuning: Tuning, snapshot: int | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "goals": asdict(tuning.goals),
        "images": tuning.size,
        "queries": tuning.queries,
        "chosen": _row(tuning.chosen) if tuning.chosen else None,
        "because": tuning.because,
        "front": [_row(one) for one in tuning.front],
        "measured": [_row(one) for one in tuning.measured],
        "not_measured": list(tuning.left_out),
        "seconds": round(tuning.seconds, 1),
        "snapshot": snapshot,
    }
    if tuning.chosen is None:
        return {"error": "goals-not-met", "message": tuning.because, **document}
    return document


def _row(one: Measurement) -> dict[str, Any]:
    return {**asdict(one), "bytes_per_vector": round(one.bytes_per_vector, 1)}
