"""`lookalike experiment start | status | stop | size`."""

import math
from typing import Annotated

import typer

from lookalike.catalog import Experiment, ExperimentKind, Plan
from lookalike.cli.help import command_group
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
from lookalike.errors import CallerError
from lookalike.feedback.experiments import (
    AnytimeInterval,
    queries_for_interleaving,
    queries_for_split,
)
from lookalike.library import experiment as use_case
from lookalike.library.experiment import ExperimentStatus, StartRequest, StatusRequest
from lookalike.library.opening import open_library

app = command_group(add_completion=False, help="Try another model on live queries, and see which one people prefer.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the experiment.")]
OptionalNameArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Name of the experiment (default: the running or latest one).")
]
ConfidenceOption = Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence of the intervals.")]
LeastEffectOption = Annotated[
    float, typer.Option("--least-effect", min=0.0001, max=1.0, help="Smallest difference that matters.")
]


@app.command("start")
def start(
    name: NameArgument,
    *,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="The model to try.")] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Answer each query by one of both models, instead of interleaving them.")
    ] = False,
    swap: Annotated[
        bool, typer.Option("--swap", help="No other model: swap the first hit with another, for position-bias.")
    ] = False,
    share: Annotated[float, typer.Option(min=0.0001, max=1.0, help="Share of queries that take part.")] = 1.0,
    confidence: ConfidenceOption = 0.95,
    least_effect: LeastEffectOption = 0.01,
    most_queries: Annotated[
        int, typer.Option("--most-queries", min=1, help="Number of queries after which it ends undecided.")
    ] = 100_000,
    worst_guard: Annotated[
        float,
        typer.Option("--worst-guard", min=0.0, max=1.0, help="With --split: allowed fall of searches with a click."),
    ] = 0.05,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start an experiment. Running servers follow within a second; only a query's id says whether it takes part."""
    with faults_are_told(as_json=as_json):
        if (split and swap) or (model is None) != swap:
            raise CallerError("choose a model to try with --model (interleaved, or with --split), or --swap alone")
        kind = ExperimentKind.SWAP if swap else ExperimentKind.SPLIT if split else ExperimentKind.INTERLEAVE
        plan = Plan(
            confidence=confidence, least_effect=least_effect, most_queries=most_queries, worst_guard=worst_guard
        )
        request = StartRequest(name=name, challenger=model or "", kind=kind, share=share, plan=plan)
        with (
            open_library(settings_for(library)) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            started = use_case.start_experiment(opened, request, progress)
        if as_json:
            print_json(_document(started))
            return
        against = f"{started.challenger} against {started.control}" if started.challenger else started.control
        console.print(
            printable(
                f"{started.name} runs: {started.kind.value} of {against}, on {started.share:.0%} of the queries."
            ),
            soft_wrap=True,
        )


@app.command("status")
def status(
    name: OptionalNameArgument = None,
    *,
    include_simulated: Annotated[
        bool, typer.Option("--include-simulated", help="Also count simulated searches.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an experiment has found so far. Look as often as you like: the intervals hold at all times."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        found = use_case.experiment_status(
            opened.catalog, StatusRequest(name=name, include_simulated=include_simulated)
        )
        if as_json:
            print_json(_status_document(found))
        else:
            _print(found)


@app.command("stop")
def stop(
    name: OptionalNameArgument = None,
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.")] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the running experiment. The live model answers all queries again; what was found stays."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        stopped = use_case.stop_experiment(opened.catalog, name, reason=reason)
        if as_json:
            print_json(_document(stopped))
        else:
            console.print(printable(f"{stopped.name} was stopped."))


@app.command("size")
def size(
    *,
    rate: Annotated[float, typer.Option(min=0.0001, max=0.9999, help="Share of searches with a click today.")] = 0.3,
    effect: Annotated[float, typer.Option(help="Difference of that share to be detected.")] = 0.01,
    preference: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Share of preferences for the better model.")
    ] = 0.55,
    decided: Annotated[float, typer.Option(min=0.001, max=1.0, help="Share of queries with a preference.")] = 0.3,
    power: Annotated[float, typer.Option(min=0.5, max=0.999, help="Probability of detecting it.")] = 0.8,
    confidence: ConfidenceOption = 0.95,
    as_json: JsonOption = False,
) -> None:
    """Say how many queries an experiment takes, split and interleaved."""
    with faults_are_told(as_json=as_json):
        split = queries_for_split(rate, effect, confidence=confidence, power=power)
        both = queries_for_interleaving(preference, decided=decided, confidence=confidence, power=power)
        if as_json:
            print_json({"split": split, "interleave": both})
            return
        console.print(f"Split: {split:,} queries tell {rate:.1%} from {rate + effect:.1%} of searches with a click.")
        console.print(f"Interleaved: {both:,} queries tell that {preference:.0%} of preferences are for one model.")


def _print(found: ExperimentStatus) -> None:
    experiment, verdict = found.experiment, found.verdict
    state = f"stopped: {experiment.reason}" if experiment.stopped_at else "running"
    simulated = " simulated" if found.simulated else ""
    against = f", {experiment.challenger} against {experiment.control}" if experiment.challenger else ""
    console.print(printable(f"{experiment.name} ({experiment.kind.value}{against}; {state})"), style="bold")
    console.print(f"{verdict.queries:,}{simulated} queries were seen; {found.left_out:,} were left out.")
    if verdict.credits is not None:
        credits_of = verdict.credits
        console.print(
            f"Prefer the challenger: {credits_of.wins:,}; the control: {credits_of.losses:,}; ties {credits_of.ties:,};"
            f" no click {credits_of.unclicked:,}."
        )
    for arm, rate in verdict.rates.items():
        console.print(f"Searches with a click, {arm}: {rate:.2%}")
    if verdict.effect is not None:
        console.print(f"Effect: {_span(verdict.effect)}")
    for guard in verdict.guards:
        console.print(f"Guard, {guard.name}: {_span(guard.difference)}, at least {guard.limit:+.3f}")
    if found.needed is not None:
        console.print(f"About {found.needed:,} queries detect the least difference that matters.")
    console.print(printable(f"Decision: {verdict.decision}. {verdict.reason.capitalize()}."), style="bold")


def _span(interval: AnytimeInterval) -> str:
    if math.isinf(interval.low):
        return f"{interval.mean:+.4f}, too few queries for an interval" if interval.count else "nothing yet"
    return f"{interval.mean:+.4f}, {interval.confidence:.0%} interval {interval.low:+.4f} to {interval.high:+.4f}"


def _document(experiment: Experiment) -> dict[str, object]:
    return {
        "name": experiment.name,
        "kind": experiment.kind.value,
        "challenger": experiment.challenger,
        "control": experiment.control,
        "share": experiment.share,
        "started_at": experiment.started_at.isoformat(),
        "stopped_at": experiment.stopped_at.isoformat() if experiment.stopped_at else None,
        "reason": experiment.reason,
    }


def _status_document(found: ExperimentStatus) -> dict[str, object]:
    verdict = found.verdict
    preferences = verdict.credits
    return {
        **_document(found.experiment),
        "simulated": found.simulated,
        "queries": verdict.queries,
        "left_out": found.left_out,
        "needed": found.needed,
        "decision": verdict.decision,
        "because": verdict.reason,
        "effect": _interval(verdict.effect) if verdict.effect else None,
        "wins": preferences.wins if preferences else None,
        "losses": preferences.losses if preferences else None,
        "ties": preferences.ties if preferences else None,
        "click_rates": verdict.rates,
        "guards": [
            {"name": one.name, "limit": one.limit, "broken": one.is_broken, **_interval(one.difference)}
            for one in verdict.guards
        ],
    }


def _interval(interval: AnytimeInterval) -> dict[str, float | int | None]:
    values = {"mean": interval.mean, "low": interval.low, "high": interval.high}
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return {**finite, "confidence": interval.confidence, "queries": interval.count}
