"""The events of a library: read from a log, written to one, and forgotten."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lookalike.catalog import Catalog, EventFilter
from lookalike.errors import CallerError, StorageFailed
from lookalike.feedback.ubi import ACTIONS
from lookalike.feedback.ubi_files import EventLine, Reading, RefusedLine, format_of, read_events, write_events
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.types import InteractionKind

_AT_ONCE = 500  # events a transaction
_MOST_LISTED = 1_000


@dataclass(frozen=True, kw_only=True)
class EventImportRequest:
    """Which log to read, and how.

    Attributes:
        file: one event a line, in JSON or CSV.
        file_format: `jsonl` or `csv`; None goes by the suffix.
        actions: what an `action_name` of another front end is here, beside those that are known.
        time_zone: of times without an offset; None refuses them.
        simulated: every event of the file is simulated.
        rejected: a file to write the refused lines to, one JSON object a line.
    """

    file: Path
    file_format: str | None = None
    actions: Mapping[str, str] = field(default_factory=dict)
    time_zone: str | None = None
    simulated: bool = False
    rejected: Path | None = None


@dataclass(frozen=True, kw_only=True)
class EventImport:
    """What became of a log.

    Attributes:
        read: lines with something in them.
        stored: new events.
        already_known: events that were stored before, or stand in the file twice.
        refused: lines that were not stored.
        reasons: how many of them for each reason.
        lines: the first 1,000 of them.
    """

    read: int
    stored: int
    already_known: int
    refused: int
    reasons: Mapping[str, int]
    lines: tuple[RefusedLine, ...]


@dataclass(frozen=True, kw_only=True)
class EventExportRequest:
    """Which events to write, and where.

    Attributes:
        out: the file.
        file_format: `jsonl` or `csv`; None goes by the suffix.
        wanted: which events.
    """

    out: Path
    file_format: str | None = None
    wanted: EventFilter = field(default_factory=EventFilter)


def import_events(library: LibraryParts, request: EventImportRequest, progress: Progress) -> EventImport:
    """Store the events of a log; each line is checked by itself, and an event that is known already stays as it is.

    Raises:
        CallerError: the file cannot be read, or an action, a format or a time zone is not known.
        StorageFailed: the file of refused lines cannot be written, or the catalog.
    """
    file_format = format_of(request.file, request.file_format)
    reading = Reading(
        actions={**ACTIONS, **{name: _kind(name, kind) for name, kind in request.actions.items()}},
        zone=zone_of(request.time_zone) if request.time_zone else None,
        simulated=request.simulated,
    )
    progress.stage("Importing events")
    lines = read_events(request.file, file_format, reading)
    with _refusals(request.rejected) as refusals:
        return _Importing(library.catalog, refusals, progress).run(lines)


def export_events(library: LibraryParts, request: EventExportRequest) -> int:
    """Write events to a file, in the order of time; how many.

    Raises:
        CallerError: the format is not known.
        StorageFailed: the file cannot be written.
    """
    file_format = format_of(request.out, request.file_format)
    return write_events(request.out, file_format, library.catalog.interactions.log(request.wanted))


def forget_events(library: LibraryParts, *, person: str | None = None, older_than_days: int | None = None) -> int:
    """Delete the events of a person, or old ones; how many.

    Args:
        library: whose.
        person: a user, a client or a session.
        older_than_days: delete events from before that many days.

    Raises:
        CallerError: neither is given, or both.
    """
    if (person is None) == (older_than_days is None):
        raise CallerError("say either whose events to delete (--user), or from how many days on (--older-than-days)")
    if person is not None:
        return library.catalog.interactions.forget_person(person)
    return library.catalog.interactions.forget(older_than=datetime.now(UTC) - timedelta(days=older_than_days or 0))


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        CallerError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CallerError(
            f"time zone {name[:64]!a}: not known here; give a name such as Europe/Berlin or UTC"
        ) from None


def _kind(action: str, kind: str) -> InteractionKind:
    known = [one.value for one in InteractionKind]
    if kind not in known:
        raise CallerError(f"--action {action}={kind}: {kind!a} is none of {', '.join(known)}")
    return InteractionKind(kind)


@contextmanager
def _refusals(path: Path | None) -> Iterator[TextIO | None]:
    """A file for refused lines, if one was asked for.

    Raises:
        StorageFailed: it cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error


class _Importing:
    """Stores lines in batches, and counts what becomes of them."""

    def __init__(self, catalog: Catalog, refusals: TextIO | None, progress: Progress) -> None:
        self._catalog = catalog
        self._refusals = refusals
        self._progress = progress
        self._read = self._stored = self._known = 0
        self._reasons: Counter[str] = Counter()
        self._lines: list[RefusedLine] = []

    def run(self, lines: Iterator[EventLine | RefusedLine]) -> EventImport:
        batch: list[EventLine] = []
        for line in lines:
            self._read += 1
            if isinstance(line, RefusedLine):
                self._refuse(line)
                continue
            batch.append(line)
            if len(batch) == _AT_ONCE:
                self._store(batch)
                batch = []
        if batch:
            self._store(batch)
        return EventImport(
            read=self._read,
            stored=self._stored,
            already_known=self._known,
            refused=self._reasons.total(),
            reasons=dict(self._reasons.most_common()),
            lines=tuple(sorted(self._lines, key=lambda line: line.number)),
        )

    def _store(self, batch: list[EventLine]) -> None:
        written = self._catalog.interactions.write_good([line.event for line in batch])
        self._stored += written.stored
        self._known += written.already_known
        for one in written.refused:
            self._refuse(RefusedLine(number=batch[one.number].number, reason=one.reason, message=one.message))
        self._progress.advance(len(batch))

    def _refuse(self, line: RefusedLine) -> None:
        self._reasons[line.reason] += 1
        if self._refusals is not None:
            self._refusals.write(json.dumps(asdict(line)) + "\n")
        if len(self._lines) < _MOST_LISTED:
            self._lines.append(line)
