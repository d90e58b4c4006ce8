"""What `train` and `adapt` have in common: their options, and how results are told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.output import advised, console, messages, plain_table, printable
from lookalike.evaluation.report.wording import decimal, signed, span
from lookalike.settings import Settings
from lookalike.training.held_out import Judged

NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the new model.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="MODEL", help="Model to start from (default: the live model)."),
]
GradesOption = Annotated[
    str | None,
    typer.Option(
        metavar="JUDGEMENTS",
        help="Grades: a file, or a judgement set of this library (default: all its grades).",
    ),
]
MostImagesOption = Annotated[
    int, typer.Option("--most-images", min=8, help="Maximum number of images to use; judged images come first.")
]


def print_judged(name: str, base: str, judged_by: Sequence[Judged]) -> None:
    """A row a measure of each kind of held-out queries."""
    console.print(printable(f"{name} (new) against {base} (base), on queries that nothing was learnt from:"))
    table = plain_table("held out", "measure", "new", "base", "difference", "", "95 % interval")
    for one in judged_by:
        for measure, found in one.comparisons.items():
            relative = f"{100 * (found.first / found.second - 1):+.1f} %" if found.second else ""
            table.add_row(
                f"{found.queries:,} {one.held_out.name}",
                str(measure),
                decimal(found.first, 4),
                decimal(found.second, 4),
                signed(found.difference.mean, 4),
                relative,
                span(found.difference, signs=True),
            )
    console.print_table(table)


def tell_refused(refused: dict[str, str]) -> None:
    """How many images could not be described, with an example."""
    if refused:
        first = next(iter(refused.items()))
        messages.print(
            printable(f"Note: {len(refused):,} images could not be described ({first[0]}: {first[1]})"),
            style="yellow",
            soft_wrap=True,
        )


def tell_next(settings: Settings, name: str, held_out: Path | None) -> None:
    """What to do with the new model."""
    judgements = ["--judgements", str(held_out)] if held_out else []
    promote = advised(settings, "models", "promote", name, *judgements)
    show = f"`lookalike models show {name}`"
    told = f"It waits beside the model that answers: {promote} lets it answer if it ranks no worse,"
    console.print(printable(f"{told} {show} says what it is."), soft_wrap=True)
