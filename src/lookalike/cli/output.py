"""How the command line speaks: tables for people, one JSON document for programs, a documented exit code for both."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lookalike.errors import CallerError, EnvironmentFault, ImageRefused, LookalikeError
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

console = Console(highlight=False)
messages = Console(stderr=True, highlight=False)


def settings_for(library: Path | None, **overrides: Any) -> Settings:
    """Settings from all sources, with what the command line gives on top."""
    return load_settings({"library": library, **overrides})


def print_json(document: Any) -> None:
    """Print one document; names that are not UTF-8 come out as escapes."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def plain_table(*headings: str) -> Table:
    """A table without lines: names on the left, numbers on the right."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True, min_width=len(heading))
    return made


def printable(text: str) -> Text:
    """A path or a message as rich text: no markup, and no control characters reach the terminal."""
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


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
            messages.print(Text("Error: ", style="bold red") + printable(str(fault)), soft_wrap=True)
        stop(_exit_code(fault))
    except KeyboardInterrupt:
        messages.print("Interrupted.")
        stop(ExitCode.INTERRUPTED)


def _exit_code(fault: LookalikeError) -> ExitCode:
    if isinstance(fault, CallerError):
        return ExitCode.CALLER
    return ExitCode.ENVIRONMENT if isinstance(fault, EnvironmentFault) else ExitCode.INTERNAL
