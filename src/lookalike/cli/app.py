"""The commands of `lookalike`."""

import logging
import sys
from typing import Annotated, Any

import typer
from rich.logging import RichHandler

from lookalike.cli.help import CommandGroup, ImportedCommands, command_group
from lookalike.cli.output import ExitCode, console, ignore_output, messages, prepare_streams
from lookalike.version import __version__

COMMANDS = {
    "index": "lookalike.cli.index:index",
    "sources": "lookalike.cli.sources:sources",
    "forget": "lookalike.cli.forget:forget",
    "duplicates": "lookalike.cli.duplicates:duplicates",
    "keypoints": "lookalike.cli.keypoints:keypoints",
    "search": "lookalike.cli.search:search",
    "collections": "lookalike.cli.collections:app",
    "serve": "lookalike.cli.serve:serve",
    "evaluate": "lookalike.cli.evaluate:evaluate",
    "stats": "lookalike.cli.stats:stats",
    "tune": "lookalike.cli.tune:tune_index",
    "adapt": "lookalike.cli.adapt:adapt_model",
    "train": "lookalike.cli.train:train",
    "position-bias": "lookalike.cli.position_bias:position_bias",
    "simulate": "lookalike.cli.simulate:simulate",
    "loop": "lookalike.cli.loop:loop",
    "verify": "lookalike.cli.verify:verify",
    "doctor": "lookalike.cli.doctor:doctor",
    "export": "lookalike.cli.export:export",
    "import": "lookalike.cli.export:import_folder",
    "backup": "lookalike.cli.backup:backup",
    "restore": "lookalike.cli.backup:restore_backup",
    "demo": "lookalike.cli.demo:demo",
    "block": "lookalike.cli.block:app",
    "moderation": "lookalike.cli.moderation:app",
    "keys": "lookalike.cli.keys:app",
    "audit": "lookalike.cli.keys:audit",
    "experiment": "lookalike.cli.experiment:app",
    "label": "lookalike.cli.label:label",
    "judgements": "lookalike.cli.judgements:app",
    "events": "lookalike.cli.events:app",
    "metrics": "lookalike.cli.metrics:metrics",
    "models": "lookalike.cli.models:app",
}
"""Where each command is, in the order in which help lists them."""


class Commands(CommandGroup):
    """Every command, of which only the one that is asked for is imported."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"commands": ImportedCommands(COMMANDS)})


app = command_group(
    Commands,
    name="lookalike",
    help="Visual search that you own: index pictures, then find what looks like one of them, or like a part of it.",
    epilog=(
        "Exit codes: 0 done, 1 an internal error, 2 the request is wrong,"
        " 3 something that the program needs is missing or failing,"
        " 4 `verify`, `doctor`, `backup` or `restore` found problems, 130 interrupted."
    ),
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log details to stderr.")] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[_log_handler()])


def _log_handler() -> logging.Handler:
    """In columns for a terminal; plain lines for a file, a pipe or a service's journal."""
    if messages.is_terminal:
        handler: logging.Handler = RichHandler(console=messages, show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
        return handler
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        app()
    except SystemExit as ending:
        if not isinstance(ending.__context__, BrokenPipeError):
            raise
        ignore_output()
        sys.exit(ExitCode.DONE)
