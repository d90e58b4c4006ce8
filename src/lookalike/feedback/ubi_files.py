"""Files of events in the schema of User Behavior Insights: one JSON object a line, or CSV with a column for each field.

A column is named by the path of its field, as `event_attributes.object.object_id`. Both are read line by line, and a
line that is no event costs only itself.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import from_json

from lookalike.durable import whole_file
from lookalike.errors import CallerError, StorageFailed
from lookalike.feedback.ubi import ACTIONS, UbiEvent, record_of
from lookalike.types import Interaction, InteractionKind

EventFormat = Literal["jsonl", "csv"]
SUFFIXES: Mapping[str, EventFormat] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv"}

COLUMNS = (
    "event_id", "timestamp", "action_name", "query_id", "event_attributes.object.object_id",
    "event_attributes.position.ordinal", "event_attributes.position.row", "event_attributes.position.column",
    "event_attributes.position.fold", "event_attributes.position.x", "event_attributes.position.y",
    "event_attributes.dwell_seconds", "client_id", "session_id", "user_id", "application",
    "event_attributes.simulated",
)  # fmt: skip
"""Of a CSV file that is written, in this order; one that is read may have others."""

_LONGEST_LINE = 1 << 20  # bytes
_SHOWN = 200  # characters of a refused line
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """An event and the line that it stands in, from 1."""

    number: int
    event: Interaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    """A line that was not stored, and why.

    Attributes:
        number: of the line, from 1.
        reason: `not-an-event`, or one of the reasons of `catalog.EVENT_REASONS`, or `unknown-action`.
        message: in words.
        text: the beginning of the line; empty where its event was read.
    """

    number: int
    reason: str
    message: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a log is read.

    Attributes:
        actions: what each `action_name` is.
        zone: of times without an offset; None refuses them.
        simulated: every event counts as simulated.
    """

    actions: Mapping[str, InteractionKind]
    zone: ZoneInfo | None = None
    simulated: bool = False


AS_WRITTEN = Reading(actions=ACTIONS)


def format_of(path: Path, given: str | None = None) -> EventFormat:
    """The format that was asked for, or that the file's suffix says.

    Raises:
        CallerError: none of ours.
    """
    found = (
        next((one for one in SUFFIXES.values() if one == given), None) if given else SUFFIXES.get(path.suffix.lower())
    )
    if found is None:
        raise CallerError(f"{path}: give --format jsonl or csv; the suffixes {', '.join(SUFFIXES)} are recognised")
    return found


def read_events(
    path: Path, file_format: EventFormat, reading: Reading = AS_WRITTEN
) -> Iterator[EventLine | RefusedLine]:
    """The lines of a file, in its order; empty ones are skipped.

    Raises:
        CallerError: it cannot be read.
    """
    try:
        for number, record, text in _json_records(path) if file_format == "jsonl" else _csv_records(path):
            yield _event_line(number, record, text, reading)
    except OSError as error:
        raise CallerError(f"{path}: cannot be read: {error.strerror or error}") from error
    except csv.Error as error:  # in the first line: others cost only themselves
        raise CallerError(f"{path}: cannot be read: its first line names no columns ({error})") from error


def write_events(path: Path, file_format: EventFormat, events: Iterable[Interaction]) -> int:
    """Write a file that `read_events` reads back; how many events.

    Raises:
        StorageFailed: it cannot be written; what was there is still there.
    """
    count = 0
    try:
        with whole_file(path) as file:
            if file_format == "csv":
                file.write(_csv_row(COLUMNS))
            for event in events:
                record = record_of(event)
                line = _csv_row(_cells(record)) if file_format == "csv" else _json_line(record)
                file.write(line)
                count += 1
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror or error}") from error
    return count


def _json_line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False) + "\n").encode()


def _csv_row(cells: Iterable[Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _json_records(path: Path) -> Iterator[tuple[int, Any, str]]:
    """Number of a line, its JSON or why it is none, and its text."""
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            content = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not content:
                continue
            try:
                record = from_json(content)
            except ValueError as error:
                record = f"not JSON: {error}"
            yield number, record, content[: 4 * _SHOWN].decode("utf-8", "replace")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines, of which one that never ends is cut: it is no JSON then."""
    while line := file.readline(_LONGEST_LINE):
        complete = line
        while line and not line.endswith(b"\n"):
            line = file.readline(_LONGEST_LINE)
        yield complete


def _csv_records(path: Path) -> Iterator[tuple[int, Any, str]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, f"not a row of a table ({error})", ""
                continue
            text = ",".join(cells)[:_SHOWN]
            if len(cells) != len(header) and any(cells):
                yield number, f"{len(cells)} cells instead of {len(header)}", text
            elif any(cells):
                yield number, _nested(header, cells), text


def _nested(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """A row as the JSON it would be; empty cells are not there."""
    record: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        *path, last = name.split(".")
        inside = record
        for step in path:
            inside = inside.setdefault(step, {}) if cell != "" else inside
        if cell != "":
            inside[last] = cell
    return record


def _cells(record: Mapping[str, Any]) -> list[Any]:
    cells = []
    for name in COLUMNS:
        value: Any = record
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        cells.append("" if value is None else value)
    return cells


def _event_line(number: int, record: Any, text: str, reading: Reading) -> EventLine | RefusedLine:
    """The event of a line. A string is why there is none."""

    def refused(reason: str, message: str) -> RefusedLine:
        return RefusedLine(number=number, reason=reason, message=message[:_LONGEST_MESSAGE], text=text[:_SHOWN])

    if isinstance(record, dict) and isinstance(record.get("_source"), dict):
        record = record["_source"]  # as OpenSearch writes documents
    if not isinstance(record, dict):
        return refused("not-an-event", record if isinstance(record, str) else "not a JSON object")
    action = record.get("action_name")
    if isinstance(action, str) and action not in reading.actions:
        return refused("unknown-action", f"{action[:50]!a} is none of {', '.join(reading.actions)}")
    try:
        event = UbiEvent.model_validate(_with_zone(record, reading.zone), strict=False, context=reading.actions)
    except ValidationError as mistake:
        return refused("invalid", _told(mistake))
    interaction = event.interaction(reading.actions[event.action_name], simulated=reading.simulated)
    return EventLine(number=number, event=interaction)


def _with_zone(record: dict[str, Any], zone: ZoneInfo | None) -> dict[str, Any]:
    """The record, with a time that has an offset where it had none."""
    given = record.get("timestamp")
    if zone is None or not isinstance(given, str):
        return record
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        return record
    return record if at.tzinfo else {**record, "timestamp": at.replace(tzinfo=zone).isoformat()}


def _told(mistake: ValidationError) -> str:
    """The first mistake, by field."""
    first = mistake.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(step) for step in first["loc"])
    return f"{field}: {first['msg']}" if field else str(first["msg"])
