"""Which index a library is published with, when somebody chose one: `lookalike tune` writes it, every publish obeys."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lookalike.documents import from_document
from lookalike.durable import replace_file
from lookalike.errors import DependencyMissing
from lookalike.neighbors import BACKENDS, available

CHOICE_FILE = "index-choice.json"
CHOICE_VERSION = 1
_OUTGROWN = 4  # times the size it was measured at


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What an index must keep to.

    Attributes:
        recall: of the ten true nearest, the share to find, above 0 and at most 1.
        memory: bytes that searching may take; None for any.
        latency: seconds within which 99 of 100 single queries are answered; None for any.
    """

    recall: float
    memory: int | None = None
    latency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was measured on queries that the choice was not made with.

    Attributes:
        recall_at_10: the share of the ten true nearest that is found.
        standard_error: of that.
        queries: it was measured with.
        p50_seconds: half of the single queries take no longer.
        p99_seconds: 99 of 100 take no longer.
        queries_per_second: in batches, on all cores.
        bytes_in_memory: what searching needs in memory.
        bytes_mapped: of files that the system keeps in memory while there is room.
        build_seconds: to build.
    """

    recall_at_10: float
    standard_error: float
    queries: int
    p50_seconds: float
    p99_seconds: float
    queries_per_second: float
    bytes_in_memory: int
    bytes_mapped: int
    build_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChoice:
    """A backend, its parameters, and what they were measured to do.

    Attributes:
        backend: a key of `BACKENDS`.
        building: the backend's own build parameters; None where it has none.
        searching: the backend's own search parameters; None where it has none.
        fingerprint: of the model that made the vectors it was measured on.
        dimension: of those vectors.
        size: how many there were.
        chosen_at: ISO 8601, UTC.
        goals: what was asked for.
        promise: what was measured.
    """

    backend: str
    building: Any
    searching: Any
    fingerprint: str
    dimension: int
    size: int
    chosen_at: str
    goals: Goals
    promise: Promise

    def as_document(self) -> dict[str, Any]:
        """For programs, and for the file."""
        return {"version": CHOICE_VERSION, **asdict(self)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "IndexChoice":
        """What `as_document` made.

        Raises:
            DependencyMissing: the backend's optional package is not installed.
            ValueError: it is of another version, or for a backend or parameters that this version does not know.
        """
        fields = dict(document)
        version, name = fields.pop("version", None), fields.get("backend")
        if version != CHOICE_VERSION:
            raise ValueError(f"its version is {version!r}, this version of lookalike reads {CHOICE_VERSION}")
        if name not in BACKENDS:
            raise ValueError(f"it names an index {name!r} that this version of lookalike does not have")
        backend = BACKENDS[name]
        if not available(name):
            raise DependencyMissing(
                f"{name} needs a package that is not installed: pip install 'lookalike[{backend.extra}]'"
            )
        choice = from_document(cls, fields, place="")
        return replace(
            choice,
            building=_parameters(backend.building, choice.building, place="building"),
            searching=_parameters(backend.searching, choice.searching, place="searching"),
        )

    def store(self, path: Path) -> None:
        """Write it in one step: whoever reads meanwhile sees the old choice or the new one.

        Raises:
            StorageFailed: the disk is full, read-only or failing; the old choice is as it was.
        """
        replace_file(path, json.dumps(self.as_document(), indent=1).encode() + b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceFound:
    """What a library's choice comes to now.

    Attributes:
        choice: None where none was made, or where it cannot be followed.
        notes: in words, what somebody should know about it.
    """

    choice: IndexChoice | None
    notes: tuple[str, ...] = ()


def find_choice(path: Path, *, fingerprint: str, size: int) -> ChoiceFound:
    """Read a library's choice. Never raises: an index that suits the size is better than none.

    Args:
        path: the file.
        fingerprint: of the model whose vectors are to be indexed.
        size: how many there are.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ChoiceFound(choice=None)
    except OSError as failure:
        return _unused(f"{path.name} cannot be read: {failure.strerror or failure}")
    try:
        choice = IndexChoice.from_document(json.loads(content))
    except (ValueError, TypeError, AttributeError, DependencyMissing) as problem:
        return _unused(f"the tuned index is not used: {problem}")
    if choice.fingerprint != fingerprint:
        return _unused("the tuned index is not used: it was measured on another model's vectors")
    if size > _OUTGROWN * choice.size:
        note = (
            f"the index was tuned for {choice.size:,} images and there are {size:,} now:"
            " run `lookalike tune` again to have its promise measured anew"
        )
        return ChoiceFound(choice=choice, notes=(note,))
    return ChoiceFound(choice=choice)


def _parameters(kind: type[Any] | None, fields: object, *, place: str) -> Any:
    if kind is not None:
        return from_document(kind, fields, place=place)
    if fields is not None:
        raise ValueError(f"{place}: {fields!r} where nothing is expected")
    return None


def _unused(why: str) -> ChoiceFound:
    return ChoiceFound(choice=None, notes=(f"{why}; the index is chosen by size until `lookalike tune` is run again",))
