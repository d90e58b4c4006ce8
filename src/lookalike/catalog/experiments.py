"""Experiments, and the queries that took part."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, update

from lookalike.catalog.schema import experiment_queries, experiments, interactions
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError
from lookalike.types import InteractionKind


class ExperimentKind(StrEnum):
    """How the hits of two rankers are shown.

    `INTERLEAVE` shows both in one list, `SPLIT` shows one or the other, `SWAP` moves the first hit of one ranker to
    measure position bias.
    """

    INTERLEAVE = "interleave"
    SPLIT = "split"
    SWAP = "swap"


class Arm(StrEnum):
    """Which ranker a query was answered by."""

    BOTH = "both"
    CONTROL = "control"
    TREATMENT = "treatment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When an experiment is decided, laid down before it starts.

    Attributes:
        confidence: of the intervals, at every moment.
        least_effect: the smallest difference that matters: of click rates, or of mean preferences.
        most_queries: without a decision after so many, it ends undecided.
        worst_guard: how much the share of searches with a click may fall before it is stopped.
    """

    confidence: float = 0.95
    least_effect: float = 0.01
    most_queries: int = 100_000
    worst_guard: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An experiment on live queries.

    Attributes:
        name: of the experiment.
        kind: how hits are shown.
        challenger: the model that is tried; empty for swaps.
        control: the model that answered when it started.
        share: of queries that take part, 0 to 1.
        seed: of the assignment.
        started_at: when.
        stopped_at: when; None while it runs.
        reason: why it was stopped, in words.
        plan: when it is decided.
    """

    name: str
    kind: ExperimentKind
    challenger: str
    control: str
    share: float
    seed: str
    started_at: datetime
    stopped_at: datetime | None = None
    reason: str = ""
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """How one query took part.

    Attributes:
        query_id: of the query.
        experiment: its name.
        arm: of the query.
        teams: for interleaving, who put each hit there, by rank: 1 for the control, 2 for the challenger, 0 for both.
    """

    query_id: str
    experiment: str
    arm: Arm
    teams: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done with one query of an experiment.

    Attributes:
        assignment: how it took part.
        impressions: ranks that were seen.
        clicks: ranks that were clicked, each once.
        dwells: (rank, seconds) of clicked images, the longest look at each.
        dwell_seconds: spent on clicked images.
        simulated: no person did it.
        user_id: who searched, where that is known: to leave out bots.
    """

    assignment: Assignment
    impressions: tuple[int, ...] = ()
    clicks: tuple[int, ...] = ()
    dwells: tuple[tuple[int, float], ...] = ()
    dwell_seconds: float = 0.0
    simulated: bool = False
    user_id: str | None = None


def write_start(connection: Connection, experiment: Experiment) -> None:
    """Begin an experiment; see `Experiments.start`."""
    values = {**asdict(experiment), "kind": experiment.kind.value, "plan": json.dumps(asdict(experiment.plan))}
    added = insert_into(connection, experiments).values({"running": 1, **values}).on_conflict_do_nothing()
    if connection.execute(added.returning(experiments.c.name)).one_or_none() is not None:
        return
    running = read_running(connection)
    if running is not None:
        raise CallerError(f"experiment {running.name} is running: stop it first, for one runs at a time")
    raise CallerError(f"experiment {experiment.name}: there was one of that name; choose another")


def write_stop(connection: Connection, name: str, *, at: datetime, reason: str) -> None:
    """End an experiment; see `Experiments.stop`."""
    stopped = update(experiments).where(experiments.c.name == name, experiments.c.stopped_at.is_(None))
    if not connection.execute(stopped.values(stopped_at=at, reason=reason, running=None)).rowcount:
        raise CallerError(f"experiment {name}: none of that name is running")


def read_running(connection: Connection) -> Experiment | None:
    """The experiment that runs now."""
    row = connection.execute(select(experiments).where(experiments.c.stopped_at.is_(None))).first()
    return None if row is None else _experiment(row)


def read_experiments(connection: Connection) -> list[Experiment]:
    """All, the latest first."""
    latest = select(experiments).order_by(experiments.c.started_at.desc(), experiments.c.name)
    return [_experiment(row) for row in connection.execute(latest)]


def write_assignments(connection: Connection, assignments: Sequence[Assignment]) -> None:
    """Keep how queries took part; one that is known already stays as it is."""
    rows = [
        {"query_id": one.query_id, "experiment": one.experiment, "arm": one.arm.value, "teams": bytes(one.teams)}
        for one in assignments
    ]
    if rows:
        connection.execute(insert_into(connection, experiment_queries).on_conflict_do_nothing(), rows)


def read_outcomes(connection: Connection, name: str) -> list[Outcome]:
    """Queries of an experiment in the order of their ids, each with what was done; see `Experiments.outcomes`."""
    done = interactions.c
    of_experiment = (
        select(experiment_queries, done.position, done.kind, done.dwell_seconds, done.simulated, done.user_id)
        .join(interactions, done.query_id == experiment_queries.c.query_id, isouter=True)
        .where(experiment_queries.c.experiment == name)
        .order_by(experiment_queries.c.query_id)
    )
    rows: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(of_experiment):
        rows.setdefault(row.query_id, []).append(row)
    return [_outcome(of_query) for of_query in rows.values()]


def read_arms(connection: Connection, *, since: datetime, until: datetime) -> dict[str, str]:
    """Arms of queries by their id; see `Experiments.arms`."""
    ran = (experiments.c.started_at < until) & (
        experiments.c.stopped_at.is_(None) | (experiments.c.stopped_at >= since)
    )
    statement = (
        select(experiment_queries.c.query_id, experiment_queries.c.experiment, experiment_queries.c.arm)
        .join(experiments, experiments.c.name == experiment_queries.c.experiment)
        .where(ran)
    )
    return {row.query_id: f"{row.experiment}: {row.arm}" for row in connection.execute(statement)}


def _outcome(rows: Sequence[Row[Any]]) -> Outcome:
    first = rows[0]
    ranks: dict[str, set[int]] = {kind.value: set() for kind in InteractionKind}
    dwells: dict[int, float] = {}
    for row in rows:
        if row.kind is not None:
            ranks[row.kind].add(row.position)
        if row.dwell_seconds is not None:
            dwells[row.position] = max(row.dwell_seconds, dwells.get(row.position, 0.0))
    return Outcome(
        assignment=Assignment(
            query_id=first.query_id, experiment=first.experiment, arm=Arm(first.arm), teams=tuple(bytes(first.teams))
        ),
        impressions=tuple(sorted(ranks[InteractionKind.IMPRESSION])),
        clicks=tuple(sorted(ranks[InteractionKind.CLICK])),
        dwells=tuple(sorted(dwells.items())),
        dwell_seconds=sum(row.dwell_seconds or 0.0 for row in rows),
        simulated=any(bool(row.simulated) for row in rows),
        user_id=next((row.user_id for row in rows if row.user_id is not None), None),
    )


def _experiment(row: Row[Any]) -> Experiment:
    values = row._asdict()
    del values["running"]
    return Experiment(kind=ExperimentKind(values.pop("kind")), plan=Plan(**json.loads(values.pop("plan"))), **values)
