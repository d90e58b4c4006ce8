"""`lookalike label SET`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

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
)
from lookalike.cli.progress import IndexProgress
from lookalike.feedback.active_learning import STRATEGIES
from lookalike.library import label as use_case
from lookalike.library.label import LabelRequest
from lookalike.library.opening import open_library


def label(
    judgement_set: Annotated[str, typer.Argument(metavar="SET", help="Judgement set that the grades will go to.")],
    *,
    strategy: Annotated[str, typer.Option(help=f"How pairs are chosen: {', '.join(STRATEGIES)}.")] = "uncertainty",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Number of pairs.")] = 200,
    queries: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Number of images to ask with (default: as many as pairs).", show_default=False
        ),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=300, help="Hits of each query that may be chosen.")] = 10,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Another model, for --strategy disagreement.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.tsv", help="Also write the pairs as a table to fill in.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue pairs of a query and an image that are worth a grade.

    They take the place of those that waited for the same set. Fill in the table of --out, and read it with
    `lookalike judgements import FILE --name SET`.
    """
    with faults_are_told(as_json=as_json):
        check_outputs(out)
        with (
            open_library(settings_for(library)) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            request = LabelRequest(
                judgement_set=judgement_set,
                strategy=strategy,
                count=count,
                queries=queries,
                depth=depth,
                model=model,
                out=out,
                seed=seed,
            )
            result = use_case.label(opened, request, progress)
        if as_json:
            print_json(asdict(result))
            return
        console.print(
            printable(f"{result.queued:,} pairs of {result.queries:,} queries wait for a grade of {judgement_set}."),
            soft_wrap=True,
        )
        if out is not None:
            console.print(printable(f"Written: {out}"), soft_wrap=True)
