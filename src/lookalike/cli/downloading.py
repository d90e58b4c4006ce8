"""A bar for downloads."""

from types import TracebackType
from typing import Self

from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from lookalike.cli.output import messages


class DownloadProgress:
    """Shows the bytes of a download in a bar, while it is entered.

    Args:
        what: is done first.
        quiet: show nothing.
    """

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=messages,
            disable=quiet or not messages.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins, of so many bytes."""
        self._bar.reset(self._task, description=name, total=total)

    def advance(self, steps: int = 1) -> None:
        """So many more bytes are here."""
        self._bar.advance(self._task, steps)

    def note(self, line: str) -> None:
        """Do nothing."""
