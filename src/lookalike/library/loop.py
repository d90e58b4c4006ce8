"""One turn of the loop: what people clicked becomes a model, which is proposed if neither grades nor clicks fall."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.catalog import REVIEWS
from lookalike.documents import from_document
from lookalike.durable import replace_file
from lookalike.errors import CallerError, LibraryBusy, LookalikeError, StorageFailed
from lookalike.library.judging import JudgementSource
from lookalike.library.loop_report import cleaning_words, loop_report
from lookalike.library.loop_turn import STEPS, Turn
from lookalike.library.parts import LibraryParts
from lookalike.library.position_bias import PositionBiasRequest, position_bias
from lookalike.library.promote import PromoteRequest, promote
from lookalike.library.train import TrainRequest, train
from lookalike.progress import Progress
from lookalike.training.card import HeldOutMeasure
from lookalike.training.recipes import HeadRecipe
from lookalike.types import InteractionKind

FEWEST_CLICKS = 500
_STATE = "state.json"
_LETTERS = 6  # of the library's id, in the names of models
_BY_REGRESSION = (
    "too few images were shown at several places, so position bias was told from relevance by what the model says of"
    " each image; an experiment or another model makes it surer"
)


@dataclass(frozen=True, kw_only=True)
class LoopRequest:
    """How a turn is made.

    Attributes:
        judgements: grades that judge the new model beside held-out clicks; None for all grades of the library.
        promote: let the new model answer at once if it is proposed.
        fewest_clicks: with fewer nothing is learnt.
        include_simulated: learn from simulated clicks, too; everything says so.
        recipe: of the training.
        least_clicks: searches in which a pair must have been clicked.
        reviewed: judgement set of reviewed clicks, see `lookalike events review`; None for none.
    """

    judgements: JudgementSource | None = None
    promote: bool = False
    fewest_clicks: int = FEWEST_CLICKS
    include_simulated: bool = False
    recipe: HeadRecipe = field(default_factory=lambda: HeadRecipe(shares={"clicks": 1.0}))
    least_clicks: int = 2
    reviewed: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoopResult:
    """What came of a turn.

    Attributes:
        turn: as it is kept.
        report: the file that says so for people.
        resumed: the turn had been begun before.
    """

    turn: Turn
    report: Path
    resumed: bool


def run_loop(library: LibraryParts, request: LoopRequest, progress: Progress) -> LoopResult:
    """Make one turn, or finish the one that was interrupted: collect, estimate position bias, train, propose.

    Every step is kept once it is done, so that a turn that was interrupted goes on where it stopped.

    Raises:
        LibraryBusy: another turn is being made.
        CallerError: there are too few clicks.
        TrainingRefused: too few pairs were clicked to learn from.
        DependencyMissing: torch is not installed.
        LibraryMissing: nothing was indexed.
    """
    folder = library.settings.library / "loop"
    with _alone(folder):
        live = library.require_live()
        turn, resumed = _turn(folder, base=live.name, library_id=library.catalog.library_id)
        work = _Work(library, request, progress, folder / f"{turn.number:04d}")
        for step, run in zip(STEPS, (work.collect, work.estimate, work.train, work.propose), strict=True):
            if step in turn.done:
                continue
            progress.stage(f"Turn {turn.number}: {step}", None)
            turn = run(turn)
            turn = replace(turn, done=(*turn.done, step))
            work.keep(turn)
        report = work.folder / "report.md"
        replace_file(report, loop_report(turn).encode())
        return LoopResult(turn=turn, report=report, resumed=resumed)


class _Work:
    """The steps of a turn."""

    def __init__(self, library: LibraryParts, request: LoopRequest, progress: Progress, folder: Path) -> None:
        self._library, self._request, self._progress = library, request, progress
        self.folder = folder

    def keep(self, turn: Turn) -> None:
        """Write down how far the turn is."""
        _make(self.folder)
        replace_file(self.folder / _STATE, (json.dumps(asdict(turn), indent=1) + "\n").encode())

    def collect(self, turn: Turn) -> Turn:
        """Count what people did since the beginning."""
        searches, clicks, simulated = set(), 0, False
        for event in self._library.catalog.interactions.read():
            if event.simulated and not self._request.include_simulated:
                continue
            searches.add(event.query_id)
            if event.kind is InteractionKind.CLICK:
                clicks += 1
                simulated = simulated or event.simulated
        if clicks < self._request.fewest_clicks:
            raise CallerError(
                f"{clicks:,} clicks are fewer than the {self._request.fewest_clicks:,} that a turn needs; try again"
                " when there are more (--fewest-clicks changes the number)"
            )
        return replace(turn, searches=len(searches), clicks=clicks, simulated=simulated)

    def estimate(self, turn: Turn) -> Turn:
        """Estimate position bias; without an estimate every click counts the same."""
        request = PositionBiasRequest(out=self._bias, include_simulated=self._request.include_simulated, resamples=0)
        try:
            found = position_bias(self._library, request, self._progress)
        except CallerError as reason:
            return replace(turn, notes=(*turn.notes, f"position bias is not corrected: {reason}"))
        notes = (_BY_REGRESSION,) if found.curve.method == "regression" else ()
        return replace(
            turn,
            position_bias=found.curve.method,
            propensities=found.curve.by_rank(),
            notes=(*turn.notes, *notes),
        )

    def train(self, turn: Turn) -> Turn:
        """Train a model on the clicks, and judge it by grades and by held-out clicks."""
        run = self.folder / f"training-{turn.clicks}"  # with more clicks it is another run, which cannot be resumed
        result = train(
            self._library,
            TrainRequest(
                name=turn.model,
                recipe=self._request.recipe,
                judgements=self._request.judgements or self._stored(),
                least_clicks=self._request.least_clicks,
                reviewed=self._request.reviewed,
                include_simulated=self._request.include_simulated,
                position_bias=self._bias if turn.position_bias else None,
                run=run,
                resume=(run / "config.json").exists(),
            ),
            self._progress,
        )
        if result.card is None:
            raise KeyboardInterrupt
        cleaned = cleaning_words(result.trained.sources.get("clicks", {}))
        return replace(turn, measures=result.measures, notes=(*turn.notes, *cleaned, *result.warnings))

    def propose(self, turn: Turn) -> Turn:
        """Propose the model if neither grades nor clicks fall surely; promote it only if that was asked for."""
        proposed, because = decide(turn.measures)
        turn = replace(turn, proposed=proposed, because=because)
        if not proposed or not self._request.promote:
            return turn
        try:
            promote(self._library, PromoteRequest(name=turn.model, force=True), self._progress)
        except LookalikeError as fault:
            return replace(turn, notes=(*turn.notes, f"it could not be promoted: {fault}"))
        return replace(turn, promoted=True)

    @property
    def _bias(self) -> Path:
        _make(self.folder)
        return self.folder / "position-bias.txt"

    def _stored(self) -> JudgementSource | None:
        """The judgement set with most queries, to judge by."""
        sets = [one for one in self._library.catalog.judgements.sets() if one.rule != REVIEWS]
        if not sets:
            return None
        largest = max(sets, key=lambda one: one.queries)
        return JudgementSource(judgements=largest.name, combine="median")


def decide(measures: Sequence[HeldOutMeasure]) -> tuple[bool, str]:
    """Whether a model is proposed, and why.

    The first measure of grades and the first one of clicks decide. Both must be known. Neither may fall by more than
    chance may explain, one must rise by more than that, and a fall that chance may explain must be smaller than the
    rise of the other. A model that is as good as the one that answers falls by some measure in three of four cases, so
    a fall alone says nothing.
    """
    first = {kind: next((one for one in measures if one.held_out == kind), None) for kind in ("grades", "clicks")}
    missing = [kind for kind, found in first.items() if found is None]
    if missing:
        return False, f"it cannot be judged by {' and '.join(missing)}: nothing of them was held out"
    known = [one for one in first.values() if one is not None]
    changes = "; ".join(map(_in_words, known))
    if any(one.difference < 0 and (one.high is None or one.high < 0) for one in known):
        return False, f"{changes}: a fall by more than chance may explain"
    if not any(one.low is not None and one.low > 0 for one in known):
        return False, f"{changes}: neither rises by more than chance may explain"
    if sum(one.difference for one in known) < 0:
        return False, f"{changes}: the fall is larger than the rise"
    return True, changes


def _in_words(change: HeldOutMeasure) -> str:
    moved = "falls" if change.difference < 0 else "rises"
    return f"{change.measure} by {change.held_out} {moved} by {abs(change.difference):.4f}"


def _turn(folder: Path, *, base: str, library_id: str) -> tuple[Turn, bool]:
    """The turn that was interrupted, or a new one; whether it was begun before.

    Models of all libraries of a user are stored in one place, so the name says which library learnt it.
    """
    numbers = sorted(int(one.name) for one in folder.iterdir() if one.name.isdecimal())
    last = _read(folder / f"{numbers[-1]:04d}" / _STATE) if numbers else None
    if last is not None and not last.is_done and last.base == base:
        return last, True
    number = numbers[-1] + 1 if numbers else 1
    now = datetime.now(UTC)
    name = f"loop-{library_id[:_LETTERS]}-{now:%Y%m%d}-{number}"
    return Turn(number=number, started_at=now.isoformat(timespec="seconds"), model=name, base=base), False


def _read(file: Path) -> Turn | None:
    try:
        return from_document(Turn, json.loads(file.read_text(encoding="utf-8")), place=str(file))
    except (OSError, ValueError):
        return None  # the turn had not come to its first step


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StorageFailed(f"{folder}: cannot be made: {fault.strerror or fault}") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold off other turns.

    Raises:
        LibraryBusy: another one is being made; nothing was changed.
    """
    _make(folder)
    lock = FileLock(folder / "loop.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryBusy("another turn of the loop is being made in this library; nothing was changed") from None
    try:
        yield
    finally:
        lock.release()
