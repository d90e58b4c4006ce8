"""`lookalike loop`."""

from dataclasses import asdict
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import GradesOption
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    plain_table,
    print_json,
    printable,
    settings_for,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.cli.train_options import ReviewedOption
from lookalike.evaluation.report.wording import signed
from lookalike.library import loop as use_case
from lookalike.library.judging import JudgementSource
from lookalike.library.loop import FEWEST_CLICKS, LoopRequest, LoopResult
from lookalike.library.loop_report import decision
from lookalike.library.opening import open_library
from lookalike.training.examples import SplitShares
from lookalike.training.recipes import HeadRecipe

FewestClicksOption = Annotated[
    int, typer.Option("--fewest-clicks", min=1, help="Number of clicks below which nothing is learnt.")
]


def loop(
    *,
    judgements: GradesOption = None,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Let the new model answer at once if it is proposed.")
    ] = False,
    fewest_clicks: FewestClicksOption = FEWEST_CLICKS,
    least_clicks: Annotated[
        int, typer.Option(min=1, help="Minimum number of searches in which a pair was clicked.")
    ] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Maximum number of steps of training.")] = 600,
    learning_rate: Annotated[float, typer.Option(min=1e-7, max=1.0)] = 1e-3,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.01, max=0.4, help="Share held out for the test.")
    ] = 0.15,
    include_simulated: Annotated[
        bool, typer.Option("--include-simulated", help="Also learn from simulated clicks; the report says so.")
    ] = False,
    reviewed: ReviewedOption = None,
    resamples: Annotated[int, typer.Option(min=100, max=1_000_000, help="Draws for confidence intervals.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Random seed of the training.")] = 0,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one turn of the loop: collect clicks, estimate position bias, train, judge by grades and clicks, propose.

    A turn that was interrupted goes on where it stopped. Nothing is promoted without --promote. To run it every night,
    see docs/loop.md.
    """
    with faults_are_told(as_json=as_json):
        source = JudgementSource(judgements=judgements, queries=queries, images=images) if judgements else None
        recipe = HeadRecipe(
            shares={"clicks": 1.0},
            steps=steps,
            learning_rate=learning_rate,
            shares_held_out=SplitShares(validation=held_out, test=held_out, seed=seed),
            resamples=resamples,
            seed=seed,
        )
        request = LoopRequest(
            judgements=source,
            promote=promote,
            fewest_clicks=fewest_clicks,
            include_simulated=include_simulated,
            recipe=recipe,
            least_clicks=least_clicks,
            reviewed=reviewed,
        )
        with (
            open_library(settings_for(library)) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            result = use_case.run_loop(opened, request, progress)
        if as_json:
            print_json({**asdict(result.turn), "report": str(result.report), "resumed": result.resumed})
        else:
            _print(result)


def _print(result: LoopResult) -> None:
    turn = result.turn
    tell_warnings(turn.notes)
    simulated = " simulated" if turn.simulated else ""
    console.print(f"Turn {turn.number}: {turn.clicks:,}{simulated} clicks of {turn.searches:,} searches.")
    table = plain_table("held out", "measure", "queries", "before", "after", "change", "95 % interval")
    for one in turn.measures:
        interval = "" if one.low is None or one.high is None else f"{signed(one.low, 4)} to {signed(one.high, 4)}"
        numbers = f"{one.base:.4f}", f"{one.new:.4f}", signed(one.difference, 4)
        table.add_row(one.held_out, one.measure, f"{one.queries:,}", *numbers, interval)
    console.print_table(table)
    console.print(printable(f"{decision(turn)} {turn.because}."), style="bold", soft_wrap=True)
    console.print(printable(f"Written: {result.report}"), soft_wrap=True)
