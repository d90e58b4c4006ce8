"""Building candidates one after the other, and measuring each with more and more effort until it finds enough."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lookalike.errors import CallerError, DependencyMissing
from lookalike.neighbors import BACKENDS, VectorIndex, available
from lookalike.progress import Progress, Silent
from lookalike.snapshot import Goals, IndexChoice, Promise, Recall, workspace
from lookalike.tuning.choosing import best_of, clearly_beaten, front_of
from lookalike.tuning.measuring import PATIENCE, Measurement, batched_recall, single_seconds, surely_reaches
from lookalike.tuning.quantities import spoken_bytes
from lookalike.tuning.sample import Sample
from lookalike.tuning.words import spoken_measurement, spoken_parameters, why, why_not

_log = logging.getLogger(__name__)

_EXACT = "exact"
_CANDIDATES = (_EXACT, "faiss-ivfpq", "ivf-rabitq", "ivf-pq", "ivf-flat", "hnsw")
"""In the order they are tried: what is built in seconds comes first, for when time runs out."""
_EXACT_NUMBERS = 1_000_000_000  # beyond, exact search takes a quarter of a second and is no candidate
_PILOT_ROWS = 4_096
_PILOT_PAYS = 50_000  # rows: smaller indexes are built as fast as their size is guessed
_SURELY_TOO_LARGE = 1.15
_NO_PROGRESS = 0.05  # of what is missing, by a step that about doubles the effort
_STUCK = 2  # such steps in a row
_GRACE = 60.0  # seconds to measure what was still built in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a tuning found.

    Attributes:
        goals: that were asked for.
        size: images in the library.
        queries: that recall was measured with, and as many again that the choice was checked with.
        measured: everything, in the order of time.
        front: what nothing else beats in recall, time and bytes at once; fastest first.
        chosen: None when nothing keeps to the goals.
        because: one plain sentence: why this one, or which goal cannot be met and what comes nearest.
        left_out: what was not measured, and why.
        seconds: it took.
    """

    goals: Goals
    size: int
    queries: int
    measured: tuple[Measurement, ...]
    front: tuple[Measurement, ...]
    chosen: Measurement | None
    because: str
    left_out: tuple[str, ...]
    seconds: float


def candidates(size: int, dimension: int, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The backends to measure.

    Args:
        size: vectors.
        dimension: of each.
        wanted: names, if somebody chose; empty for those that suit the size and are installed. Trees, hashing and
            ScaNN are measured only when they are asked for.

    Raises:
        CallerError: there is no backend of a name.
        DependencyMissing: one that was asked for needs a package that is not installed.
    """
    for name in wanted:
        if name not in BACKENDS:
            raise CallerError(f"there is no index {name!r}; there are {', '.join(sorted(BACKENDS))}")
        if not available(name):
            extra = BACKENDS[name].extra
            raise DependencyMissing(f"{name} needs a package that is not installed: pip install 'lookalike[{extra}]'")
    if wanted:
        return tuple(dict.fromkeys(wanted))
    usual = [name for name in _CANDIDATES if name in BACKENDS and available(name)]
    return tuple(name for name in usual if name != _EXACT or size * dimension <= _EXACT_NUMBERS)


def tune(
    sample: Sample,
    goals: Goals,
    *,
    backends: Sequence[str],
    folder: Path,
    budget: float,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Measure what suits a library, and choose.

    Args:
        sample: of its vectors.
        goals: what the index must keep to.
        backends: names, as `candidates` gives them.
        folder: where indexes are written while they are measured, as a published one would be.
        budget: seconds after which nothing new is built.
        threads: to build with; None for all cores.
        progress: is told what happens.
    """
    run = _Run(sample=sample, goals=goals, folder=folder, threads=threads, progress=progress or Silent(),
               until=time.monotonic() + budget)  # fmt: skip
    started = time.monotonic()
    for name in backends:
        run.measure_backend(name)
    chosen = best_of(run.measured, goals)
    return Tuning(
        goals=goals,
        size=sample.whole,
        queries=len(sample.choosing.queries),
        measured=tuple(run.measured),
        front=front_of(run.measured),
        chosen=chosen,
        because=why(chosen, run.measured, goals) if chosen else why_not(run.measured, goals),
        left_out=tuple(run.left_out),
        seconds=time.monotonic() - started,
    )


def choice_of(tuning: Tuning, *, fingerprint: str, dimension: int) -> IndexChoice:
    """What a library keeps of a tuning that found something.

    Args:
        tuning: with `chosen` set.
        fingerprint: of the model that made the vectors.
        dimension: of the vectors.

    Raises:
        ValueError: nothing was chosen.
    """
    one = tuning.chosen
    if one is None or one.checked is None:
        raise ValueError("nothing was chosen")
    return IndexChoice(
        backend=one.backend,
        building=one.building,
        searching=one.searching,
        fingerprint=fingerprint,
        dimension=dimension,
        size=tuning.size,
        chosen_at=datetime.now(UTC).isoformat(timespec="seconds"),
        goals=tuning.goals,
        promise=Promise(
            recall_at_10=one.checked.mean,
            standard_error=one.checked.standard_error,
            queries=one.checked.queries,
            p50_seconds=one.p50_seconds,
            p99_seconds=one.p99_seconds,
            queries_per_second=one.queries_per_second,
            bytes_in_memory=one.bytes_in_memory,
            bytes_mapped=one.bytes_mapped,
            build_seconds=one.build_seconds,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    sample: Sample
    goals: Goals
    folder: Path
    threads: int | None
    progress: Progress
    until: float
    measured: list[Measurement] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def measure_backend(self, name: str) -> None:
        """Build by build, until one is no better than those before, or far behind another backend's."""
        best: Measurement | None = None
        for position, building in enumerate(BACKENDS[name].build_grid(self.sample.whole, self._dimension)):
            title = f"{name} {spoken_parameters(building)}".strip()
            if time.monotonic() > self.until and self.measured:
                self.left_out.append(f"{title}: the time for measuring was used up")
                continue
            too_large = self._too_large(name, position)
            if too_large:
                self.left_out.append(f"{title}: {too_large}")
                continue
            incumbent = best_of(self.measured, self.goals)
            found = self._measure_build(name, building, title)
            better = best_of([one for one in (best, *found) if one], self.goals)
            if better is not None and (better is best or clearly_beaten(better, incumbent, self.goals)):
                return
            best = better

    @property
    def _dimension(self) -> int:
        return int(self.sample.vectors.shape[1])

    def _too_large(self, name: str, position: int) -> str:
        """Why an index need not be built to know that it takes too much memory: a small one of its kind says so."""
        memory, size = self.goals.memory, len(self.sample.vectors)
        if memory is None or size < _PILOT_PAYS:
            return ""
        grid = BACKENDS[name].build_grid(_PILOT_ROWS, self._dimension)
        if len(grid) <= position:
            return ""
        small, large = (self._bytes_of(name, grid[position], rows) for rows in (_PILOT_ROWS, 2 * _PILOT_ROWS))
        expected = (large - small) / _PILOT_ROWS * size
        if expected <= _SURELY_TOO_LARGE * memory:
            return ""
        return f"would take about {spoken_bytes(expected)}, more than the {spoken_bytes(memory)} allowed"

    def _measure_build(self, name: str, building: Any, title: str) -> list[Measurement]:
        self.progress.stage(f"Building {title}")
        started = time.monotonic()
        built = BACKENDS[name].build(self.sample.vectors, parameters=building, threads=self.threads)
        seconds = time.monotonic() - started
        reopened = self._reopened(built)
        del built  # so that only what is measured is in memory
        with reopened as index:
            self.progress.stage(f"Measuring {title}")
            return list(self._measure_settings(index, building, seconds))

    def _bytes_of(self, name: str, building: Any, rows: int) -> int:
        """The memory that an index of the first rows needs."""
        built = BACKENDS[name].build(self.sample.vectors[:rows], parameters=building, threads=self.threads)
        with self._reopened(built) as index:
            return index.bytes_in_memory

    @contextmanager
    def _reopened(self, built: VectorIndex) -> Iterator[VectorIndex]:
        """The index as it is served: read and mapped from its files."""
        with workspace(self.folder) as work:
            built.save(work)
            opened = BACKENDS[built.backend].open(work)
            del built
            yield opened

    def _measure_settings(self, index: VectorIndex, building: Any, seconds: float) -> Iterator[Measurement]:
        """Setting by setting, the cheapest first, until the goal is reached or more effort finds no more."""
        stuck, before = 0, 0.0
        for searching in BACKENDS[index.backend].search_grid(building, self.sample.whole):
            one = self._measure(index.searching_with(searching), building, searching, seconds)
            self.measured.append(one)
            self.progress.note(spoken_measurement(one))
            yield one
            stuck = stuck + 1 if one.recall.mean - before < _NO_PROGRESS * (1 - before) else 0
            if one.reaches(self.goals.recall) or stuck == _STUCK or time.monotonic() > self.until + _GRACE:
                return
            before = one.recall.mean

    def _measure(self, index: VectorIndex, building: Any, searching: Any, seconds: float) -> Measurement:
        sample, goal, truth = self.sample, self.goals.recall, index.backend == _EXACT
        patience = 0.0 if truth else PATIENCE  # what exact search finds is known: a few queries tell how fast it is
        recall, rate = batched_recall(index, sample.choosing, sample.vectors, goal=goal, patience=patience)
        checked: Recall | None = None
        if surely_reaches(recall, goal, truth=truth):
            checked, _ = batched_recall(index, sample.checking, sample.vectors, goal=goal, patience=patience)
        p50, p99 = single_seconds(index, sample.choosing.queries, sample.choosing.asked_for)
        return Measurement(
            backend=index.backend,
            building=building,
            searching=searching,
            recall=recall,
            checked=checked,
            p50_seconds=p50,
            p99_seconds=p99,
            queries_per_second=rate,
            bytes_in_memory=round(index.bytes_in_memory * sample.whole / index.size),
            bytes_mapped=round(index.bytes_mapped * sample.whole / index.size),
            size=sample.whole,
            build_seconds=seconds,
            truth=truth,
        )
