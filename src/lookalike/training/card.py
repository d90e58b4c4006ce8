"""Model cards: base model, training data and quality of a trained model. Read and written without torch.

It is kept in the model's folder as `card.json`, which is read back, and as `CARD.md`, the same for people. A model of
the same name that is made later replaces the folder, and so the card.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

from lookalike.documents import from_document
from lookalike.durable import replace_file
from lookalike.errors import ModelRefused, StorageFailed
from lookalike.escaping import escaped
from lookalike.evaluation import Comparison
from lookalike.evaluation.report.wording import NOT_DEFINED, decimal, p_value, signed
from lookalike.training.parity import Parity
from lookalike.version import __version__

CARD_FILE = "card.json"
CARD_TEXT = "CARD.md"
_FORMAT = 1
_MARKED = re.compile(r"([\\`*\[\]<>|])")
_SECONDS_A_MINUTE = 60

Setting: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSource:
    """Something that said which images belong together.

    Attributes:
        source: what it was: `self-supervision`, `clicks`, `grades`, `teacher`, or a file's name.
        count: how much of it was learnt from.
        unit: what is counted: `pairs`, `grades`, `triplets`, `images`.
        simulated: nobody clicked or graded: a program did as if.
        note: what else to know, such as the noise of simulated clicks.
    """

    source: str
    count: int
    unit: str = "examples"
    simulated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCounts:
    """Of images, of which none is in two parts.

    Attributes:
        trained: learnt from.
        validated: that said when to stop, and which settings to keep.
        tested: that the measures are of.
    """

    trained: int
    validated: int = 0
    tested: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutMeasure:
    """The new model against its base by one measure, on queries that nothing was learnt from.

    Attributes:
        measure: its name, such as `nDCG@10`.
        held_out: what was held out, in words: `queries of the test split`, `article types`.
        queries: how many have a value for both.
        base: mean of the base model.
        new: mean of the new one.
        difference: new - base.
        low: lower end of the difference's 95 % interval; None where it is not defined.
        high: upper end.
        p: two-sided, of the paired randomisation test; None where none was made.
    """

    measure: str
    held_out: str
    queries: int
    base: float
    new: float
    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @classmethod
    def of(cls, measure: str, comparison: Comparison, *, held_out: str) -> Self:
        """From a comparison of the new model, which comes first, with its base."""
        ends = comparison.difference
        return cls(
            measure=measure,
            held_out=held_out,
            queries=comparison.queries,
            base=comparison.second,
            new=comparison.first,
            difference=ends.mean,
            low=_defined(ends.low),
            high=_defined(ends.high),
            p=_defined(comparison.p_value),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The card of a model that was trained or adapted here.

    Attributes:
        name: of the model.
        base: name of the model or backbone it was made from, or `random start`.
        base_licence: of the base's weights.
        fingerprint: of the model's vectors; a card that is found beside another fingerprint is of another model.
        method: how it was made, in a few words: `whitening`, `linear head`, `last 2 blocks`, `distillation`.
        labels: what it learnt from; empty when it needed no labels.
        images: how many.
        settings: by name; see `flat_settings`.
        measures: on what was held out; empty when nothing was.
        parity: of the export; None for a projection, which serves as it was fitted.
        seconds: that making it took.
        date: when it was done, ISO 8601.
        version: of lookalike.
        notes: limits, and what was chosen on what: for the reader to mind.
    """

    name: str
    base: str
    base_licence: str
    fingerprint: str
    method: str
    images: ImageCounts
    seconds: float
    date: str
    labels: tuple[LabelSource, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    measures: tuple[HeldOutMeasure, ...] = ()
    parity: Parity | None = None
    version: str = __version__
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether some of the labels were made by a program that did as if people had made them."""
        return any(label.simulated for label in self.labels)

    def as_document(self) -> dict[str, Any]:
        """The card as JSON values; numbers that are not finite become null."""
        document: dict[str, Any] = _plain({"format": _FORMAT, **asdict(self)})
        return document

    def as_markdown(self) -> str:
        """The card for people."""
        sections = (_about, _learnt_from, _measured, _served, _set, _limits)
        written = ["\n".join(section(self)) for section in sections]
        return "\n\n".join([f"# {_safe(self.name)}", *filter(None, written)]) + "\n"

    def save(self, folder: Path) -> None:
        """Write `CARD.md` and `card.json` into a model's folder; each is whole or as it was before.

        Raises:
            StorageFailed: there is no such folder, or the disk is full, read-only or failing.
            ValueError: a field is not what it should be, and the card could not be read back.
        """
        _card_of(self.as_document(), "card")
        document = json.dumps(self.as_document(), indent=2, allow_nan=False)
        replace_file(folder / CARD_TEXT, self.as_markdown().encode())
        replace_file(folder / CARD_FILE, f"{document}\n".encode())


def flat_settings(settings: Mapping[str, Any]) -> dict[str, Setting]:
    """Settings in the form that a card stores: those of a group as `group.name`, several values as one text."""
    flat: dict[str, Setting] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": each for inner, each in flat_settings(value).items()}
        elif isinstance(value, list | tuple | set | frozenset):
            flat[name] = ", ".join(map(str, sorted(value) if isinstance(value, set | frozenset) else value))
        else:
            flat[name] = _plain(value)
    return flat


def read_card(folder: Path) -> ModelCard | None:
    """The card in a model's folder; None where there is none, which is so for all models that were not made here.

    Raises:
        ModelRefused: it is damaged, or a newer version of lookalike wrote it; the message names the field.
        StorageFailed: it cannot be read.
    """
    file = folder / CARD_FILE
    try:
        document = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise StorageFailed(f"{file}: cannot be read: {fault.strerror}") from None
    except (ValueError, RecursionError) as fault:
        raise ModelRefused(f"{file}: not a model card: {fault}; delete it to continue without one") from None
    if isinstance(document, dict) and document.get("format", _FORMAT) != _FORMAT:
        raise ModelRefused(
            f"{file}: format {document['format']!r}: a newer lookalike wrote this card; upgrade to read it"
        )
    try:
        return _card_of(document, f"{file}: card")
    except ValueError as fault:
        raise ModelRefused(f"{fault}; delete it to continue without one") from None


def _card_of(document: Any, place: str) -> ModelCard:
    """Fields of a later version are ignored."""
    return from_document(ModelCard, document, place=place, unknown="ignore")


# -- to JSON


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):  # a number of numpy's
        return _plain(value.item())
    if isinstance(value, float):
        return _defined(value)
    return value if value is None or isinstance(value, str | int) else str(value)


# -- to Markdown


def _about(card: ModelCard) -> Iterator[str]:
    base, method, date, version = map(_safe, (card.base, card.method, card.date, card.version))
    yield f"Made from {base} by {method}, {date}, with lookalike {version}."
    yield ""
    yield from _table(
        ("", ""),
        [
            ("licence of the base", card.base_licence or "not known"),
            ("fingerprint", card.fingerprint),
            ("images learnt from", f"{card.images.trained:,}"),
            ("images that chose", f"{card.images.validated:,}"),
            ("images tested on", f"{card.images.tested:,}"),
            ("time", _duration(card.seconds)),
        ],
    )


def _learnt_from(card: ModelCard) -> Iterator[str]:
    yield "## What it learnt from"
    yield ""
    if not card.labels:
        yield "No labels: the images alone."
        return
    if card.simulated:
        yield "**Some of these labels are simulated: a program made them, no person did.**"
        yield ""
    rows = [
        (label.source, f"{label.count:,} {label.unit}", "simulated" if label.simulated else "", label.note)
        for label in card.labels
    ]
    yield from _table(("source", "count", "simulated", "note"), rows)


def _measured(card: ModelCard) -> Iterator[str]:
    yield "## How well it ranks, on what was held out"
    yield ""
    if not card.measures:
        yield "Not measured: nothing says that it ranks better than its base."
        return
    headings = ("measure", "held out", "queries", "base", "new", "difference", "95 % interval", "p")
    yield from _table(headings, [_measure_row(row) for row in card.measures])


def _measure_row(row: HeldOutMeasure) -> tuple[str, ...]:
    interval = NOT_DEFINED
    if row.low is not None and row.high is not None:
        interval = f"{signed(row.low, 4)} to {signed(row.high, 4)}"
    chance = NOT_DEFINED if row.p is None else p_value(row.p).removeprefix("= ")
    values = (decimal(row.base, 4), decimal(row.new, 4), signed(row.difference, 4))
    return (row.measure, row.held_out, f"{row.queries:,}", *values, interval, chance)


def _served(card: ModelCard) -> Iterator[str]:
    if card.parity is None:
        return
    parity = card.parity
    yield "## What serves against what was trained"
    yield ""
    yield (
        f"On {parity.pictures:,} pictures: largest difference of two values {parity.most_error:.2g}, least cosine"
        f" {parity.least_cosine:.6f}, nearest neighbours kept {parity.recall:.1%}."
    )


def _set(card: ModelCard) -> Iterator[str]:
    if card.settings:
        yield "## Settings"
        yield ""
        yield from _table(("setting", "value"), [(name, _worded(value)) for name, value in card.settings.items()])


def _limits(card: ModelCard) -> Iterator[str]:
    if card.notes:
        yield "## To mind"
        yield ""
        yield from (f"- {_safe(note)}" for note in card.notes)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (headings, ("---",) * len(headings), *(map(_safe, row) for row in rows)):
        yield f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    """On one line, without control characters, and meaning nothing to Markdown."""
    return _MARKED.sub(r"\\\1", escaped("".join(" " if c.isspace() else c for c in text)))


def _worded(value: Setting) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _duration(seconds: float) -> str:
    if seconds < _SECONDS_A_MINUTE:
        return f"{seconds:.1f} s"
    minutes = round(seconds / _SECONDS_A_MINUTE)
    return f"{minutes} min" if minutes < _SECONDS_A_MINUTE else f"{minutes // 60} h {minutes % 60} min"


CardMaker: TypeAlias = Callable[[str, Parity | None], ModelCard]
"""A card, from the fingerprint of the new model's vectors and how close it serves to what was trained."""


def card_keeper(card: CardMaker | None, parity: Parity | None) -> Callable[[Path, str], None] | None:
    """What puts a card into a model's folder before the model becomes visible; see `embedding.import_model`."""
    if card is None:
        return None
    return lambda folder, fingerprint: card(fingerprint, parity).save(folder)
