"""A progress bar for long work; lines now and then where there is no terminal."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lookalike.cli.output import printable

_SECONDS_BETWEEN_LINES = 10.0


class RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """As `12.3/s`, or nothing before it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


class IndexProgress:
    """Shows how far work is. A context manager.

    Args:
        console: where to.
        verbose: also print notes, such as a line for each image that is on disk, and for each file that was refused.
        quiet: show nothing.
    """

    def __init__(self, console: Console, *, verbose: bool = False, quiet: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._lines = not console.is_terminal and not quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._name, self._total, self._done = "", 0, 0
        self._line_at = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins."""
        if total == 0:
            return
        self._name, self._total, self._done = name, total or 0, 0
        self._line_at = time.monotonic()
        if self._task is not None and total is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total)

    def note(self, line: str) -> None:
        """One image is on disk, or one file was refused."""
        if self._verbose:
            self._console.print(printable(line), soft_wrap=True)

    def advance(self, steps: int = 1) -> None:
        """So many steps are done."""
        self._done += steps
        if self._task is not None:
            self._bar.advance(self._task, steps)
        if self._lines and time.monotonic() - self._line_at > _SECONDS_BETWEEN_LINES:
            self._line_at = time.monotonic()
            self._console.print(f"{self._name}: {self._done:,} of {self._total:,}")
