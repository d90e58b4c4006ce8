"""Experiments on live queries: starting, looking at and stopping them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lookalike.catalog import Catalog, Experiment, ExperimentKind, Outcome, Plan
from lookalike.embedding import Encoder
from lookalike.errors import CallerError
from lookalike.feedback.bots import MOST_CLICKS_IN_MINUTE
from lookalike.feedback.experiments import Verdict, analyse, queries_for_interleaving, queries_for_split
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress

_NAME_LENGTH = 100


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What to try.

    Attributes:
        name: of the experiment; each name is used once.
        challenger: a model on this machine; empty for swaps.
        kind: how hits are shown.
        share: of queries that take part, above 0 and at most 1.
        plan: when it is decided.
        now: when it starts; None for now.
    """

    name: str
    challenger: str = ""
    kind: ExperimentKind = ExperimentKind.INTERLEAVE
    share: float = 1.0
    plan: Plan = field(default_factory=Plan)
    now: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class StatusRequest:
    """Which experiment to look at.

    Attributes:
        name: of it; None for the running or else the latest one.
        include_simulated: count simulated searches, too.
    """

    name: str | None = None
    include_simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class ExperimentStatus:
    """An experiment and what it has found so far.

    Attributes:
        experiment: with its plan.
        verdict: the decision, the effect with its interval, and the guards.
        simulated: simulated searches were counted.
        left_out: queries of bots, or simulated ones that were not to be counted.
        needed: about how many queries detect the least effect that matters.
    """

    experiment: Experiment
    verdict: Verdict
    simulated: bool
    left_out: int
    needed: int | None


def start_experiment(library: LibraryParts, request: StartRequest, progress: Progress) -> Experiment:
    """Begin an experiment. Every process that serves the library follows within a second.

    The challenger gets a vector of every image first. Images that come in while the experiment runs are found by the
    live model only, until `lookalike models promote` or another experiment embeds them.

    Raises:
        CallerError: another experiment is running, the name was used, or a number is outside its range.
        LibraryMissing: nothing was indexed.
        UnknownModel, ModelMissing: the challenger is not on this machine.
    """
    live = library.require_live()
    encoder = require_startable(library, request)
    if encoder is not None:
        library.indexer_for(encoder).embed_known(progress=progress)
    experiment = Experiment(
        name=request.name,
        kind=request.kind,
        challenger=request.challenger,
        control=live.name,
        share=request.share,
        seed=secrets.token_hex(16),
        started_at=request.now or datetime.now(UTC),
        plan=request.plan,
    )
    library.catalog.experiments.start(experiment)
    return experiment


def require_startable(library: LibraryParts, request: StartRequest) -> Encoder | None:
    """The challenger, opened; None for swaps.

    Raises:
        CallerError: another experiment is running, the name was used, or a number is outside its range.
        LibraryMissing: nothing was indexed.
        UnknownModel, ModelMissing: the challenger is not on this machine.
    """
    live = library.require_live()
    _check(request)
    for one in library.catalog.experiments.all():
        if one.stopped_at is None:
            raise CallerError(f"experiment {one.name} is running: stop it first, for one runs at a time")
        if one.name == request.name:
            raise CallerError(f"experiment {one.name}: there was one of that name; choose another")
    if request.kind is ExperimentKind.SWAP:
        return None
    encoder = library.open_model(request.challenger)
    if encoder.fingerprint == live.fingerprint:
        raise CallerError(f"{request.challenger} is the live model: an experiment needs another one")
    return encoder


def experiment_status(catalog: Catalog, request: StatusRequest) -> ExperimentStatus:
    """What an experiment has found so far. Looking often does no harm: its intervals hold at all times.

    Raises:
        CallerError: there is none (of that name).
    """
    experiment = _found(catalog.experiments.all(), request.name)
    outcomes = catalog.experiments.outcomes(experiment.name)
    counted = [one for one in outcomes if _counts(one, include_simulated=request.include_simulated)]
    verdict = analyse(experiment, counted)
    return ExperimentStatus(
        experiment=experiment,
        verdict=verdict,
        simulated=any(one.simulated for one in counted),
        left_out=len(outcomes) - len(counted),
        needed=_needed(experiment, verdict),
    )


def stop_experiment(catalog: Catalog, name: str | None = None, *, reason: str = "") -> Experiment:
    """End an experiment: all queries are answered by the live model again. What was found stays.

    Raises:
        CallerError: none is running, or none of that name.
    """
    running = catalog.experiments.running()
    if running is None or name not in (None, running.name):
        raise CallerError(f"experiment {name}: none of that name is running" if name else "no experiment is running")
    catalog.experiments.stop(running.name, reason=reason or "stopped by hand")
    return running


def _check(request: StartRequest) -> None:
    if not request.name.strip() or len(request.name) > _NAME_LENGTH:
        raise CallerError(f"name: an experiment needs a name of 1 to {_NAME_LENGTH} characters")
    if not 0 < request.share <= 1:
        raise CallerError(f"--share {request.share:g}: must be above 0 and at most 1")
    plan = request.plan
    if not 0 < plan.confidence < 1 or plan.least_effect <= 0 or plan.most_queries < 1 or plan.worst_guard < 0:
        raise CallerError(
            "--confidence must be between 0 and 1, --least-effect and --most-queries above 0, --worst-guard at least 0"
        )


def _found(experiments: Sequence[Experiment], name: str | None) -> Experiment:
    if name is None and experiments:
        return next((one for one in experiments if one.stopped_at is None), experiments[0])
    named = [one for one in experiments if one.name == name]
    if not named:
        raise CallerError(f"experiment {name}: there is none of that name" if name else "there was no experiment yet")
    return named[0]


def _counts(outcome: Outcome, *, include_simulated: bool) -> bool:
    """Whether a query counts: of people, and not of a program that clicks more than anybody could."""
    return (include_simulated or not outcome.simulated) and len(outcome.clicks) <= MOST_CLICKS_IN_MINUTE


def _needed(experiment: Experiment, verdict: Verdict) -> int | None:
    plan = experiment.plan
    if experiment.kind is ExperimentKind.INTERLEAVE:
        found = verdict.credits
        decided = (found.wins + found.losses) / max(len(found.preferences), 1) if found is not None else 0.0
        preference = min(0.5 + plan.least_effect / 2 / max(decided, plan.least_effect), 1.0)
        return queries_for_interleaving(preference, decided=decided, confidence=plan.confidence) if decided else None
    rate = verdict.rates.get("control")
    if rate is None or not 0 < rate < 1 - plan.least_effect:
        return None
    return queries_for_split(rate, plan.least_effect, confidence=plan.confidence)
