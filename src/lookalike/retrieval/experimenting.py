"""The experiment that is running, as the engine sees it: which queries it changes, and how."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lookalike.catalog import Arm, Assignment, Catalog, Experiment, ExperimentKind
from lookalike.errors import LookalikeError, UnknownModel
from lookalike.retrieval.filters import NO_FILTERS
from lookalike.retrieval.interleaving import InterleavedRanker, rng_of
from lookalike.retrieval.query import Query
from lookalike.retrieval.rankers import Ranker
from lookalike.retrieval.ranking import Ranking

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 1.0
SWAPPED_RANKS = 10
"""In an experiment of swaps, the first hit changes places with one of so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """A ranking as an experiment shows it, and what is written down about the query.

    Attributes:
        query_id: of the query, drawn here: it says whether the query takes part.
        ranking: what is shown.
        assignment: how the query took part; None where it did not.
    """

    query_id: str
    ranking: Ranking
    assignment: Assignment | None = None


class RunningExperiment:
    """Follows the catalog's experiments, and arranges the hits of the queries that take part. Thread-safe.

    Which queries take part, and in which arm, depends on nothing but the query's id: never on who searches.

    Args:
        catalog: holds the experiments.
        open_challenger: opens the ranker of a model by its name, over the same library; None for no experiments.
    """

    def __init__(self, catalog: Catalog, *, open_challenger: Callable[[str], Ranker] | None) -> None:
        self._catalog = catalog
        self._open_challenger = open_challenger
        self._lock = threading.Lock()
        self._look_again_at = 0.0
        self._experiment: Experiment | None = None
        self._challenger: tuple[str, Ranker] | None = None
        self._broken = ""

    def arrange(self, query: Query, ranking: Ranking, usual: Ranker) -> Arranged:
        """The hits of a query as the running experiment shows them.

        A challenger that cannot be opened or asked changes nothing: the query is answered as usual and does not count.

        Args:
            query: what was asked.
            ranking: as it is without an experiment.
            usual: what made it.
        """
        query_id = secrets.token_hex(16)
        experiment = self._current() if self._open_challenger else None
        narrowed = query.filters != NO_FILTERS  # the challenger knows no filters: such a query is answered as usual
        if experiment is None or narrowed or not takes_part(experiment, query_id):
            return Arranged(query_id=query_id, ranking=ranking)
        try:
            return self._arranged(experiment, query_id, query, ranking, usual)
        except LookalikeError as fault:
            if self._broken != experiment.name:
                self._broken = experiment.name
                _log.warning("experiment %s changes nothing: %s", experiment.name, fault)
            return Arranged(query_id=query_id, ranking=ranking)

    def note(self, arranged: Arranged, *, frozen: int) -> None:
        """Write down which arm a query was in, once the query itself is written down.

        Args:
            arranged: the query.
            frozen: hits that are written down with it; later pages go on behind them without the experiment.
        """
        if arranged.assignment is None or self._catalog.read_only:
            return
        assignment = replace(arranged.assignment, teams=arranged.assignment.teams[:frozen])
        try:
            self._catalog.experiments.assign([assignment])
        except LookalikeError as fault:
            _log.warning("a query of experiment %s does not count: %s", assignment.experiment, fault)

    def _current(self) -> Experiment | None:
        if time.monotonic() >= self._look_again_at:
            self._look_again_at = time.monotonic() + _SECONDS_BETWEEN_LOOKS
            self._experiment = self._catalog.experiments.running()
        return self._experiment

    def _arranged(
        self, experiment: Experiment, query_id: str, query: Query, ranking: Ranking, usual: Ranker
    ) -> Arranged:
        arm = arm_of(experiment, query_id)
        assignment = Assignment(query_id=query_id, experiment=experiment.name, arm=arm)
        if experiment.kind is ExperimentKind.SWAP:
            return Arranged(query_id=query_id, ranking=_swapped(ranking, experiment, query_id), assignment=assignment)
        if experiment.kind is ExperimentKind.SPLIT and arm is Arm.CONTROL:
            return Arranged(query_id=query_id, ranking=ranking, assignment=assignment)
        both = InterleavedRanker(self._catalog, usual, self._opened(experiment.challenger), seed=experiment.seed)
        if experiment.kind is ExperimentKind.SPLIT:
            return Arranged(query_id=query_id, ranking=both.replaced(query, ranking), assignment=assignment)
        found = both.interleave(query_id, query, ranking)
        return Arranged(query_id=query_id, ranking=found.ranking, assignment=replace(assignment, teams=found.teams))

    def _opened(self, name: str) -> Ranker:
        with self._lock:
            if self._challenger is None or self._challenger[0] != name:
                if self._open_challenger is None:
                    raise UnknownModel(f"{name} cannot be opened here")
                self._challenger = (name, self._open_challenger(name))
            return self._challenger[1]


def takes_part(experiment: Experiment, query_id: str) -> bool:
    """Whether a query belongs to the share of queries that an experiment is made with."""
    return bool(rng_of(experiment.seed, "takes part", query_id).random() < experiment.share)


def arm_of(experiment: Experiment, query_id: str) -> Arm:
    """The arm of a query that takes part: in a split half of them, else all in one."""
    if experiment.kind is not ExperimentKind.SPLIT:
        return Arm.BOTH
    treated = rng_of(experiment.seed, "arm", query_id).random() < 0.5  # noqa: PLR2004 - halves
    return Arm.TREATMENT if treated else Arm.CONTROL


def _swapped(ranking: Ranking, experiment: Experiment, query_id: str) -> Ranking:
    """The first hit changes places with one of the first ten, or with itself."""
    hits = len(ranking.candidates)
    if not hits:
        return ranking
    other = int(rng_of(experiment.seed, "swap", query_id).integers(min(hits, SWAPPED_RANKS)))
    order = list(range(hits))
    order[0], order[other] = order[other], order[0]
    return replace(ranking, candidates=ranking.candidates.take(order))
