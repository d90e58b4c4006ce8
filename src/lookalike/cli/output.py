"""How the command line speaks: tables for people, one JSON document for programs, a documented exit code for both."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, ConsoleDimensions
from rich.table import Table
from rich.text import Text

from lookalike.errors import CallerError, EnvironmentFault, ImageRefused, LookalikeError
from lookalike.escaping import escaped
from lookalike.settings import Settings, load_settings


class ExitCode(IntEnum):
    """What the program's exit status says."""

    DONE = 0
    INTERNAL = 1
    CALLER = 2
    ENVIRONMENT = 3
    PROBLEMS_FOUND = 4
    INTERRUPTED = 130


LibraryOption = Annotated[
    Path | None,
    typer.Option("--library", "-L", metavar="DIR", help="The library's folder. [env var: LOOKALIKE_LIBRARY]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

_PIPE_COLUMNS = 100_000


class OutputConsole(Console):
    """A console that loses nothing: in a pipe or a file no line is cut or wrapped, and a closed pipe ends quietly."""

    _least_columns = 0

    @property  # type: ignore[misc] # Rich lets it be set; nothing here does
    def size(self) -> ConsoleDimensions:
        """Columns and lines of the terminal; without one, more columns than any line needs."""
        found = super().size
        columns = self._least_columns if self.is_terminal else _PIPE_COLUMNS
        return ConsoleDimensions(max(found.width, columns), found.height)

    def print_table(self, table: Table, *, most: int = _PIPE_COLUMNS) -> None:
        """Print all of a table: what is wider than the terminal goes on in the next line instead of being cut.

        Args:
            table: to print.
            most: columns that a table takes whose cells may fold.
        """
        natural = self.measure(table, options=self.options.update(width=_PIPE_COLUMNS)).maximum
        self._least_columns = min(natural, most)
        try:
            self.print(table, width=most)
        finally:
            self._least_columns = 0

    def on_broken_pipe(self) -> None:
        """Stop, as done: whoever reads, such as `head`, has seen enough."""
        self.quiet = True
        ignore_output()
        raise SystemExit(int(ExitCode.DONE))


console = OutputConsole(highlight=False)
messages = OutputConsole(stderr=True, highlight=False)


def prepare_streams() -> None:
    r"""Write what an output's encoding does not have as an escape such as `\u65e5`, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def ignore_output() -> None:
    """Send what is still to be written to standard output nowhere: its reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def settings_for(library: Path | None, **overrides: Any) -> Settings:
    """Settings from all sources, with what the command line gives on top."""
    return load_settings({"library": library, **overrides})


def default_of(setting: str) -> str:
    """What a help text says at its end of a setting that an option overrides."""
    return f"(default: {Settings.model_fields[setting].default})"


def words(text: str) -> list[str]:
    """What an option lists, between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def command_line() -> str:
    """What was typed, to be pasted again."""
    return shlex.join(["lookalike", *sys.argv[1:]])


def advised(settings: Settings, *words: str) -> str:
    """A command that can be pasted: quoted where the shell needs it, and naming the library that was named here."""
    named = [] if settings.library == load_settings({}).library else ["--library", str(settings.library)]
    return f"`{shlex.join(['lookalike', *words, *named])}`"


def print_json(document: Any) -> None:
    """Print one document; names that are not UTF-8 come out as escapes."""
    try:
        sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        console.on_broken_pipe()


def plain_table(*headings: str) -> Table:
    """A table without lines: names on the left, numbers on the right."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True, min_width=len(heading))
    return made


def printable(text: str) -> Text:
    """A path or a name as rich text: no markup, and no control characters reach the terminal."""
    return Text(escaped(text))


def printable_lines(text: str) -> Text:
    """The same for a message of ours, which may have several lines."""
    return Text("\n").join(printable(line) for line in text.split("\n"))


def tell_warnings(warnings: Iterable[str]) -> None:
    """What people should know beside a result, on stderr."""
    for warning in warnings:
        messages.print(printable(f"Note: {warning}"), style="yellow", soft_wrap=True)


def stop(code: ExitCode) -> NoReturn:
    """End the command with that status."""
    raise typer.Exit(int(code))


@contextmanager
def faults_are_told(*, as_json: bool) -> Iterator[None]:
    """Turn our errors into a message and an exit code; others go on as tracebacks, for they are our mistakes."""
    try:
        yield
    except LookalikeError as fault:
        if as_json:
            document = {"error": fault.code, "message": str(fault)}
            if isinstance(fault, ImageRefused):
                document["reason"] = fault.reason
            print_json(document)
        else:
            messages.print(Text("Error: ", style="bold red") + printable_lines(str(fault)), soft_wrap=True)
        stop(_exit_code(fault))
    except KeyboardInterrupt:
        messages.print("Interrupted.")
        stop(ExitCode.INTERRUPTED)


def _exit_code(fault: LookalikeError) -> ExitCode:
    if isinstance(fault, CallerError):
        return ExitCode.CALLER
    return ExitCode.ENVIRONMENT if isinstance(fault, EnvironmentFault) else ExitCode.INTERNAL
