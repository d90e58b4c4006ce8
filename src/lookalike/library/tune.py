"""Choosing the index that suits a library's own vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.catalog import LiveModel
from lookalike.errors import CallerError, StorageFailed
from lookalike.library.notebook import table_html
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.tuning import (
    Goals,
    Sample,
    Tuning,
    candidates,
    choice_of,
    spoken_bytes,
    spoken_parameters,
    spoken_seconds,
)
from lookalike.tuning import tune as measure_indexes

DEFAULT_GOALS = Goals(recall=0.95)


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """What the index has to keep to.

    Attributes:
        goals: recall, and if wanted memory and latency.
        backends: names of indexes to measure; those that suit the library's size where there are none.
        budget: seconds after which no further index is built.
        dry_run: measure, but change nothing.
    """

    goals: Goals = DEFAULT_GOALS
    backends: Sequence[str] = ()
    budget: float = 300.0
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.goals.recall <= 1:
            raise CallerError(f"recall {self.goals.recall:g}: give a share above 0 and at most 1, such as 0.95")


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """What was measured and chosen; a notebook shows it as a table.

    Attributes:
        tuning: measurements, the choice, and why.
        snapshot: number of the snapshot that was published with it; None where nothing was changed.
        warnings: why nothing was chosen, where nothing was.
    """

    tuning: Tuning
    snapshot: int | None = None
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        rows = [
            (
                "→" if one is self.tuning.chosen else "",
                f"{one.backend} {spoken_parameters(one.building)} {spoken_parameters(one.searching)}".strip(),
                f"{one.recall.mean:.3f} ± {one.recall.half_width:.3f}",
                spoken_seconds(one.p50_seconds),
                spoken_seconds(one.p99_seconds),
                spoken_bytes(one.bytes_in_memory),
            )
            for one in self.tuning.front
        ]
        headings = ("", "index", "recall@10", "p50", "p99", "memory")
        return str(table_html(headings, rows, title=self.tuning.because))


def tune(library: LibraryParts, request: TuneRequest, progress: Progress) -> TuneResult:
    """Measure indexes on the library's vectors, choose the best that reaches the goals, and publish with it.

    The choice is kept for every later publish. Nothing is changed when no index reaches the goals.

    Raises:
        LibraryMissing: nothing was indexed.
        CallerError: a backend or a goal is invalid.
        StorageFailed: the disk is full, read-only or failing.
    """
    model = library.require_live()
    tuning = _measured(library, model, request, progress)
    if tuning.chosen is None:
        return TuneResult(tuning=tuning, warnings=(tuning.because,))
    if request.dry_run:
        return TuneResult(tuning=tuning)
    progress.stage("Publishing the index")
    choice = choice_of(tuning, fingerprint=model.fingerprint, dimension=model.dimension)
    snapshot = library.publisher.publish(model, choice=choice)
    choice.store(library.index_choice)  # after it: whoever interrupts before keeps the old choice
    return TuneResult(tuning=tuning, snapshot=snapshot.manifest.number)


def _measured(library: LibraryParts, model: LiveModel, request: TuneRequest, progress: Progress) -> Tuning:
    settings = library.settings
    candidates(0, model.dimension, request.backends)  # a wrong name is refused before vectors are read
    sample = Sample.read(library.catalog, model.fingerprint, centring=library.publisher.centring(model))
    try:
        settings.snapshots.mkdir(parents=True, exist_ok=True)
        return measure_indexes(
            sample,
            request.goals,
            backends=candidates(sample.whole, model.dimension, request.backends),
            folder=settings.snapshots,
            budget=request.budget,
            threads=settings.threads or None,
            progress=progress,
        )
    except OSError as fault:
        raise StorageFailed(f"{settings.snapshots}: cannot be written: {fault.strerror or fault}") from fault
