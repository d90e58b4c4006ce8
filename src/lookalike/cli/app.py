"""The commands of `lookalike`."""

import logging
import sys
from typing import Annotated

import typer
from rich.logging import RichHandler

from lookalike.cli import (
    adapt,
    agreement,
    backup,
    bench,
    demo,
    evaluate,
    forget,
    index,
    judgements,
    models,
    promote,
    search,
    serve,
    sources,
    stats,
    train,
    tune,
    verify,
)
from lookalike.cli.help import CommandGroup
from lookalike.cli.output import ExitCode, console, ignore_output, messages, prepare_streams
from lookalike.version import __version__

app = typer.Typer(
    name="lookalike",
    cls=CommandGroup,
    help="Visual search that you own: index pictures, then find what looks like one of them, or like a part of it.",
    epilog=(
        "Exit codes: 0 done, 1 an internal error, 2 the request is wrong,"
        " 3 something that the program needs is missing or failing, 4 `verify`, `backup` or `restore` found problems,"
        " 130 interrupted."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes what stands in brackets for markup and drops it
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index")(index.index)
app.command("sources")(sources.sources)
app.command("forget")(forget.forget)
app.command("search")(search.search)
app.command("serve")(serve.serve)
app.command("evaluate")(evaluate.evaluate)
app.command("stats")(stats.stats)
app.command("tune")(tune.tune_index)
app.command("adapt")(adapt.adapt_model)
app.command("train")(train.train)
app.command("verify")(verify.verify)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore_backup)
app.command("demo")(demo.demo)
judgements.app.command("agreement")(agreement.agreement)
app.add_typer(judgements.app, name="judgements")
models.app.command("bench")(bench.bench)
models.app.command("promote")(promote.promote)
models.app.command("rollback")(promote.rollback)
models.app.command("history")(promote.history)
app.add_typer(models.app, name="models")


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
