"""`lookalike simulate JUDGEMENTS`."""

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption, JudgementsArgument, QueriesOption
from lookalike.cli.option_groups import takes
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    settings_for,
    tell_warnings,
    words,
)
from lookalike.cli.progress import IndexProgress
from lookalike.feedback.simulation import Population
from lookalike.library import simulate as use_case
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.library.simulate import CLICK_MODELS, SimulateRequest


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """What `lookalike simulate` was asked for."""

    judgements: JudgementsArgument
    queries: QueriesOption = None
    images: ImagesOption = None
    sessions: Annotated[int, typer.Option(min=1, max=10_000_000, help="Number of simulated searches.")] = 2_000
    click_model: Annotated[
        str, typer.Option("--click-model", help=f"How people look and click: {', '.join(CLICK_MODELS)}.")
    ] = "position"
    columns: Annotated[int, typer.Option(min=1, max=50, help="Columns of the grid; 1 for a list.")] = 1
    shown: Annotated[int, typer.Option(min=1, max=300, help="Hits shown for each search.")] = 30
    eta: Annotated[float, typer.Option(min=0.0, max=5.0, help="How fast attention falls: rank to the power -ETA.")] = (
        1.0
    )
    noise: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of clicks that are mistakes.")] = 0.0
    bots: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of searches made by programs.")] = 0.0
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of simulated people.")] = 200
    models: Annotated[
        str, typer.Option(metavar="NAME,...", help="Models that rank besides the live one, each for its share.")
    ] = ""
    days: Annotated[float, typer.Option(min=0.01, max=3650.0, help="Days before now that the searches cover.")] = 28.0
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0
    library: LibraryOption = None
    as_json: JsonOption = False

    def request(self) -> SimulateRequest:
        """The request that the options spell.

        Raises:
            CallerError: they are none of the choices.
        """
        return SimulateRequest(
            judgements=JudgementSource(judgements=self.judgements, queries=self.queries, images=self.images),
            sessions=self.sessions,
            click_model=self.click_model,
            columns=self.columns,
            shown=self.shown,
            eta=self.eta,
            population=Population(noise=self.noise, bots=self.bots, users=self.users),
            models=tuple(words(self.models)),
            days=self.days,
            seed=self.seed,
        )


@takes(SimulateOptions)
def simulate(options: SimulateOptions) -> None:
    """Write simulated searches and clicks into the library, to try out what learns from them. They are marked.

    People search with the judged queries and prefer images with high grades. Nothing counts simulated clicks as those
    of people: `train` and the other commands ignore them without --include-simulated. Use a copy of your library.
    """
    with (
        faults_are_told(as_json=options.as_json),
        open_library(settings_for(options.library)) as opened,
        IndexProgress(messages, quiet=options.as_json) as progress,
    ):
        result = use_case.simulate(opened, options.request(), progress)
    if options.as_json:
        print_json({"simulated": True, **asdict(result)})
        return
    tell_warnings(result.warnings)
    bots = f", {result.bot_sessions:,} of them by bots" if result.bot_sessions else ""
    console.print(
        f"Simulated: {result.queries:,} searches{bots}, {result.impressions:,} impressions, {result.clicks:,} clicks,"
        f" {result.dwells:,} dwells. All are marked as simulated.",
        soft_wrap=True,
    )
