"""Files to numbered lines with named fields: TREC, tables, Label Studio. The fields are not interpreted here."""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from lookalike.errors import EvaluationRefused
from lookalike.escaping import escaped

_SHOWN = 80
_DECIMAL_COMMA = re.compile(r"^(\s*-?\d+),(\d+\s*)$")

_Kind = TypeVar("_Kind")
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be used; `str()` is a sentence for people.

    Attributes:
        number: of the line in the file, or of the task in a Label Studio export; from 1.
        reason: what is wrong with it.
        text: the line.
        unit: what is counted.
    """

    number: int
    reason: str
    text: str = ""
    unit: Literal["line", "task"] = "line"

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= _SHOWN else self.text[: _SHOWN - 3] + "..."
        return escaped(f"{self.unit} {self.number}: {self.reason}" + (f": {shown}" if shown else ""))


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its fields.

    Attributes:
        number: as in `BadLine`.
        text: the line, for messages.
        fields: by name; every one there is, possibly empty.
        unit: what is counted.
    """

    number: int
    text: str
    fields: Mapping[str, str]
    unit: Literal["line", "task"] = "line"


Lines: TypeAlias = Iterator[Line | BadLine]


class LineUnusable(Exception):
    """Why a line cannot be used. Readers turn it into a `BadLine`; it never leaves them."""


def collect(lines: Iterable[Line | BadLine], convert: Callable[[Line], _Row]) -> tuple[list[_Row], list[BadLine]]:
    """Every line as a row, and the bad lines.

    Args:
        lines: of a file.
        convert: a line to a row; raises `LineUnusable`.
    """
    rows: list[_Row] = []
    bad_lines: list[BadLine] = []
    for line in lines:
        if isinstance(line, BadLine):
            bad_lines.append(line)
            continue
        try:
            rows.append(convert(line))
        except LineUnusable as reason:
            bad_lines.append(BadLine(line.number, str(reason), line.text, line.unit))
    return rows, bad_lines


def read_text(path: Path) -> str:
    """The file's text. Bytes that are not UTF-8 stay recoverable, as in file names.

    Raises:
        EvaluationRefused: it cannot be read, or is not a text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EvaluationRefused(f"{path}: cannot be read: {error.strerror}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")  # as spreadsheets save "Unicode text"
    if b"\0" in content:
        raise EvaluationRefused(f"{path}: not a text in UTF-8; save it as UTF-8")
    return content.decode("utf-8-sig", "surrogateescape")


def trec_lines(path: Path, fields: Sequence[str]) -> Lines:
    """Lines of fields separated by blanks; empty lines are skipped.

    Raises:
        EvaluationRefused: as for `read_text`.
    """
    for number, text in enumerate(read_text(path).split("\n"), start=1):
        words = text.split()
        if len(words) == len(fields):
            yield Line(number, text.strip(), dict(zip(fields, words, strict=True)))
        elif words:
            yield BadLine(number, f"{len(words)} fields instead of {len(fields)} ({' '.join(fields)})", text.strip())


def table_lines(
    path: Path, *, delimiter: str, columns: Mapping[str, Sequence[str]], required: Sequence[Sequence[str]]
) -> Lines:
    """Rows of a table whose first line names the columns; empty rows are skipped.

    Args:
        path: to read.
        delimiter: between cells, unless the first line has none of them but semicolons, commas or tabs: spreadsheets
            choose by country. Beside semicolons, 0,5 is a half.
        columns: our name of a column -> its spellings, the preferred first.
        required: groups of our names; of each group one must be there.

    Raises:
        EvaluationRefused: as for `read_text`, or a column is missing.
    """
    text = read_text(path)
    delimiter = _delimiter_of(text, delimiter)
    rows = _table_rows(text, delimiter)
    first = next(rows, Line(1, "", {}))
    header = [cell.strip().lower() for cell in _cells(first)]
    places = {
        name: header.index(spelling)
        for name, spellings in columns.items()
        for spelling in reversed(spellings)  # the last one stands, and that is to be the preferred one
        if spelling in header
    }
    missing = [" or ".join(group) for group in required if not any(name in places for name in group)]
    if missing:
        found = escaped(", ".join(header))
        raise EvaluationRefused(
            f"{path}: the first line must name the columns; missing: {', '.join(missing)}; found: {found}"
        )
    for row in rows:
        cells = _cells(row)
        if isinstance(row, BadLine):
            yield row
        elif len(cells) != len(header):
            yield BadLine(row.number, f"{len(cells)} cells instead of {len(header)}", row.text)
        else:
            yield Line(row.number, row.text, {name: cells[place] for name, place in places.items()})


def label_studio_lines(path: Path) -> Lines:
    """Ratings of pairs in Label Studio's JSON export: fields `query`, `image`, `grade`, `user` and `at`.

    Raises:
        EvaluationRefused: as for `read_text`, or it is not a list of tasks in JSON.
    """
    try:
        tasks = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise EvaluationRefused(f"{path}: not JSON: {error}") from None
    if not isinstance(tasks, list):
        raise EvaluationRefused(f"{path}: not Label Studio's JSON export, which is a list of tasks")
    for number, task in enumerate(tasks, start=1):
        try:
            data = _entry(task, "data", dict)
            pair = {"query": _entry(data, "query", str), "image": _entry(data, "image", str)}
            annotations = [one for one in _entry(task, "annotations", list) if not _skipped(one)]
        except LineUnusable as reason:
            yield BadLine(number, str(reason), json.dumps(task), "task")
            continue
        for annotation in annotations:
            yield _rating(number, pair, annotation)


def _delimiter_of(text: str, expected: str) -> str:
    first_line = text.split("\n", 1)[0]
    return next((one for one in (expected, ";", "\t", ",") if one in first_line), expected)


def _table_rows(text: str, delimiter: str) -> Lines:
    """Rows before the columns are known: fields are numbered. One that is no row at all ends the table."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadLine(number, f"not a row of a table ({error}); nothing after it was read")
            return
        if any(cells):
            text = delimiter.join(cells)
            if delimiter == ";":
                cells = [_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in cells]
            yield Line(number, text, {str(place): cell for place, cell in enumerate(cells)})


def _cells(row: Line | BadLine) -> list[str]:
    return [] if isinstance(row, BadLine) else list(row.fields.values())


def _skipped(annotation: object) -> bool:
    return isinstance(annotation, dict) and bool(annotation.get("was_cancelled"))


def _rating(number: int, pair: Mapping[str, str], annotation: object) -> Line | BadLine:
    text = f"{pair['query']} {pair['image']}"
    try:
        results = _entry(annotation, "result", list)
        values = [
            _entry(one, "value", dict) for one in results if isinstance(one, dict) and one.get("from_name") == "grade"
        ]
        given = [_given(value) for value in values]
        if len(given) != 1:
            raise LineUnusable(f"an annotation has {len(given)} results named grade instead of one")  # noqa: TRY301
    except LineUnusable as reason:
        return BadLine(number, str(reason), text, "task")
    about = annotation if isinstance(annotation, dict) else {}
    who, when = about.get("completed_by"), about.get("updated_at") or about.get("created_at")
    who = who.get("email") or who.get("id") if isinstance(who, dict) else who
    fields = {**pair, "grade": given[0], "user": "" if who is None else str(who), "at": str(when or "")}
    return Line(number, f"{text} {given[0]}", fields, "task")


def _given(value: Mapping[str, object]) -> str:
    choices = value.get("choices")
    chosen = choices if isinstance(choices, list) else [value.get("rating")]
    if len(chosen) != 1 or isinstance(chosen[0], bool) or not isinstance(chosen[0], (int, float, str)):
        raise LineUnusable("the grade is neither one rating nor one choice")
    return str(chosen[0])


def _entry(container: object, name: str, kind: type[_Kind]) -> _Kind:
    found = container.get(name) if isinstance(container, dict) else None
    if not isinstance(found, kind) or found == "":
        raise LineUnusable(f"{name} is missing or not a {kind.__name__}")
    return found
