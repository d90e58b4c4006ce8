"""Simulated searches and clicks, written into a library: marked as simulated, and left out by default."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, QueryRecord
from lookalike.errors import CallerError
from lookalike.evaluation.pipeline import PipelineQuery
from lookalike.feedback.simulation import (
    NOTHING,
    CascadeModel,
    ClickModel,
    Population,
    PositionModel,
    SimulatedSessions,
    TrustModel,
    grid_examination,
    list_examination,
    simulate_sessions,
)
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.parts import LibraryParts, ranker_by
from lookalike.progress import Progress
from lookalike.retrieval import Ranker
from lookalike.types import Box, Interaction, InteractionKind

CLICK_MODELS = ("position", "cascade", "trust")
SIMULATED = "simulated-"
"""What ids of simulated searches and users, and the generation of simulated searches, begin with."""

_WRITTEN_AT_ONCE = 200  # sessions a transaction, so that searches and clicks of people get in between
_BOTS = 3
_SECONDS_A_HIT, _SECONDS_A_HIT_OF_BOTS = 2.0, 0.2


@dataclass(frozen=True, kw_only=True)
class SimulateRequest:
    """What to simulate.

    Attributes:
        judgements: how well images answer queries: what simulated people want. Images that are not listed have grade 0.
        sessions: searches.
        click_model: `position`, `cascade` or `trust`.
        columns: of the grid in which hits are shown; 1 for a list.
        shown: hits shown for each search.
        eta: how fast attention falls, for `position` and `trust`.
        population: who searches.
        models: models on this machine that rank as well as the live one; each session is ranked by one of all, at
            random, as when models were promoted one after the other.
        days: over which the sessions are spread.
        now: end of that time; None for an hour ago, so that no event is in the future.
        seed: of all draws.

    Raises:
        CallerError: a number outside its range, or an unknown click model.
    """

    judgements: JudgementSource
    sessions: int = 2_000
    click_model: str = "position"
    columns: int = 1
    shown: int = 30
    eta: float = 1.0
    population: Population = field(default_factory=Population)
    models: tuple[str, ...] = ()
    days: float = 28.0
    now: datetime | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.click_model not in CLICK_MODELS:
            raise CallerError(f"--click-model {self.click_model}: choose one of {', '.join(CLICK_MODELS)}")
        if min(self.sessions, self.columns, self.shown) < 1 or self.days <= 0 or self.eta < 0:
            raise CallerError("--sessions, --columns and --shown must be at least 1, --days above 0, --eta at least 0")

    def model(self) -> ClickModel:
        """How people look and click."""
        if self.click_model == "cascade":
            return CascadeModel()
        seen = list_examination(self.shown, eta=self.eta)
        if self.columns > 1:
            seen = grid_examination(self.shown, columns=self.columns, eta=self.eta)
        return PositionModel(examination=seen) if self.click_model == "position" else TrustModel.usual(seen)


@dataclass(frozen=True, kw_only=True)
class ShownList:
    """Hits that a search shows, and how well they answer.

    Attributes:
        query_image_id: the indexed image that is asked with; None for another picture.
        shown: ids of the hits, best first.
        grades: of the hits.
        crop: the part of the query image that is asked with.
        generation: that ranked.
        fingerprint: of the model that ranked.
        columns: of the grid that shows them; 1 for a list.
    """

    query_image_id: str | None
    shown: tuple[str, ...]
    grades: tuple[int, ...]
    crop: Box | None = None
    generation: str = ""
    fingerprint: str = ""
    columns: int = 1


@dataclass(frozen=True, kw_only=True)
class SimulateResult:
    """What was written into the catalog; all of it is marked as simulated.

    Attributes:
        queries: searches.
        impressions: hits that were shown.
        clicks: clicks on them.
        dwells: how long clicked images were looked at.
        bot_sessions: searches of programs.
        propensities: probability that each place is looked at, for those click models that have one.
        warnings: what was left out of the judgements.
    """

    queries: int
    impressions: int
    clicks: int
    dwells: int
    bot_sessions: int
    propensities: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()


def simulate(library: LibraryParts, request: SimulateRequest, progress: Progress) -> SimulateResult:
    """Let simulated people search with the judged queries, and write down what they see and click.

    The same request to the same library writes the same events, once.

    Raises:
        EvaluationRefused: the judgements cannot be used.
        LibraryMissing: nothing was indexed.
        UnknownModel, ModelMissing: a model is not on this machine.
    """
    known = judged_queries(library, request.judgements)
    rankers = _rankers(library, request, progress)
    progress.stage("Ranking", len(known.queries) * len(rankers))
    lists = []
    for name, query in known.queries.items():
        grades = known.judgements.grades[name]
        for ranker in rankers:
            lists.append(replace(_shown(ranker, query, grades, request.shown), columns=request.columns))
            progress.advance()
    lists = [one for one in lists if one.shown]
    if not lists:
        raise CallerError("no judged query has any hit, so there is nothing that simulated people could see")
    rng = np.random.default_rng(request.seed)
    chosen = rng.integers(len(lists), size=request.sessions)
    model = request.model()
    sessions = simulate_sessions(grades_of(lists)[chosen], model, request.population, rng)
    result = write_sessions(
        library.catalog,
        lists,
        chosen,
        sessions,
        name=_name(request, library.catalog.library_id),
        moments=_moments(request, rng),
        progress=progress,
    )
    seen = getattr(model, "examination", np.empty(0))
    return replace(result, propensities=tuple(map(float, seen)), warnings=known.warnings)


def grades_of(lists: Sequence[ShownList]) -> NDArray[np.int8]:
    """Grades of the hits of many lists, [lists, places]; `NOTHING` behind the last hit."""
    grades = np.full((len(lists), max(len(one.shown) for one in lists)), NOTHING, dtype=np.int8)
    for row, one in zip(grades, lists, strict=True):
        row[: len(one.grades)] = one.grades
    return grades


def write_sessions(
    catalog: Catalog,
    lists: Sequence[ShownList],
    chosen: NDArray[np.int64],
    sessions: SimulatedSessions,
    *,
    name: str,
    moments: Sequence[datetime],
    progress: Progress,
) -> SimulateResult:
    """Write simulated sessions into a catalog as searches and interactions, all marked as simulated.

    Args:
        catalog: to write into.
        lists: what may be shown.
        chosen: [sessions], the list that each session shows.
        sessions: what was done.
        name: tells these sessions from others; the same name writes nothing twice.
        moments: when each session was.
        progress: is told how far it is.
    """
    progress.stage("Writing simulated sessions", len(chosen))
    counts = dict.fromkeys(InteractionKind, 0)
    for start in range(0, len(chosen), _WRITTEN_AT_ONCE):
        numbers = range(start, min(start + _WRITTEN_AT_ONCE, len(chosen)))
        queries: list[QueryRecord] = []
        events: list[Interaction] = []
        for number in numbers:
            one = lists[chosen[number]]
            query_id = f"{SIMULATED}{name}-{number}"
            queries.append(_record(query_id, one, moments[number]))
            events += _events(query_id, one, sessions, number, moments[number])
        catalog.queries.write(queries)
        catalog.interactions.write(events)
        for event in events:
            counts[event.kind] += 1
        progress.advance(len(numbers))
    return SimulateResult(
        queries=len(chosen),
        impressions=counts[InteractionKind.IMPRESSION],
        clicks=counts[InteractionKind.CLICK],
        dwells=counts[InteractionKind.DWELL],
        bot_sessions=int(sessions.bots.sum()),
    )


def _record(query_id: str, one: ShownList, at: datetime) -> QueryRecord:
    return QueryRecord(
        id=query_id,
        generation=f"{SIMULATED}{one.generation}",
        ranked_ids=one.shown,
        at=at,
        image_id=one.query_image_id,
        crop=one.crop,
        fingerprint=one.fingerprint,
        simulated=True,
    )


def _events(
    query_id: str, one: ShownList, sessions: SimulatedSessions, number: int, at: datetime
) -> Iterator[Interaction]:
    bot = bool(sessions.bots[number])
    user = f"bot-{sessions.users[number] % _BOTS}" if bot else f"user-{sessions.users[number]}"
    pause = _SECONDS_A_HIT_OF_BOTS if bot else _SECONDS_A_HIT
    for place, image_id in enumerate(one.shown):
        clicked_at = at + timedelta(seconds=pause * (place + 1))
        seconds = float(sessions.dwell_seconds[number, place])
        kinds: list[tuple[InteractionKind, datetime, float | None]] = [(InteractionKind.IMPRESSION, at, None)]
        if sessions.clicked[number, place]:
            kinds.append((InteractionKind.CLICK, clicked_at, None))
        if seconds > 0:
            kinds.append((InteractionKind.DWELL, clicked_at + timedelta(seconds=seconds), seconds))
        for kind, moment, dwell in kinds:
            yield Interaction(
                event_id=f"{query_id}-{kind}-{place}",
                query_id=query_id,
                image_id=image_id,
                position=place + 1,
                kind=kind,
                at=moment,
                dwell_seconds=dwell,
                row=place // one.columns + 1 if one.columns > 1 else None,
                column=place % one.columns + 1 if one.columns > 1 else None,
                user_id=f"{SIMULATED}{user}",
                simulated=True,
            )


def _rankers(library: LibraryParts, request: SimulateRequest, progress: Progress) -> list[Ranker]:
    """The live ranker, and an exact one for each other model."""
    library.engine.warm_up()
    return [library.engine.ranker, *(ranker_by(library, name, progress) for name in request.models)]


def _shown(ranker: Ranker, query: PipelineQuery, grades: Mapping[str, int], most: int) -> ShownList:
    ranking = ranker.rank(query.as_query(), wanted=most)
    shown = [one for one in ranking.candidates.image_ids if one not in query.own_image_ids][:most]
    return ShownList(
        query_image_id=query.image.id if query.image else None,
        crop=query.crop,
        shown=tuple(shown),
        grades=tuple(grades.get(one, 0) for one in shown),
        generation=ranking.live.view.generation,
        fingerprint=ranking.live.model.fingerprint,
    )


def _name(request: SimulateRequest, library_id: str) -> str:
    return hashlib.sha256(f"{library_id} {request}".encode()).hexdigest()[:12]


def _moments(request: SimulateRequest, rng: np.random.Generator) -> list[datetime]:
    """Times of the sessions, ascending."""
    end = request.now or datetime.now(UTC) - timedelta(hours=1)
    before = np.sort(rng.random(request.sessions))[::-1] * request.days
    return [end - timedelta(days=float(one)) for one in before]
