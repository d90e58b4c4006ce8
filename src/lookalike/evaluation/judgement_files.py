"""Judgements and runs in files: TREC, CSV and TSV, Label Studio.

Formats, chosen by the file's suffix unless said:

==============  =======================  ==================================================================
format          suffix                   one judgement or result
==============  =======================  ==================================================================
`trec`          .qrels .run .trec .txt   `query 0 image grade`; in a run `query Q0 image rank score name`
`csv`, `tsv`    .csv .tsv                a row; the header names the columns, see below
`label-studio`  .json                    a task with the pair and a rating of it (judgements only)
==============  =======================  ==================================================================

Columns of tables, in any order, others ignored: `query` (or `query_id`, `qid`), `image` (`image_id`, `candidate`,
`relevant`, `docno`), `grade` (`relevance`, `rel`); in a run `score` or `rank` or both. Who judged may stand in `user`
and when in `at`. A query that is a part of an image has its box in its name, as `judged_queries` spells it, or in
columns `x`, `y`, `width`, `height`, in fractions of the image's sides.

TREC fields are separated by blanks, so names with blanks need another format. In a run the score decides, as in
trec_eval; equal scores keep the order of their ranks (trec_eval: descending names).

Label Studio's full JSON export ("JSON", not "JSON-MIN") is accepted for this shape of task::

    {"data": {"query": "a.jpg", "image": "b.jpg"},
     "annotations": [{"completed_by": 7, "updated_at": "2026-01-31T10:00:00Z", "was_cancelled": false,
                      "result": [{"from_name": "grade", "to_name": "image",
                                  "type": "rating", "value": {"rating": 4}}]}]}

The control must be named `grade`. A `Rating` cannot give 0 stars, so `<Choices name="grade">` with choices "0" to "5"
is accepted too, as `"type": "choices", "value": {"choices": ["0"]}`. Skipped annotations and tasks without any are not
judgements and are ignored. `data` may hold more, such as the URLs that show the pictures.

Names are read and written as the file system gives them: bytes that are not UTF-8 come back as they were.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from lookalike.errors import CropRefused, EvaluationRefused, StorageFailed
from lookalike.evaluation.file_lines import (
    BadLine,
    Line,
    Lines,
    LineUnusable,
    collect,
    label_studio_lines,
    table_lines,
    trec_lines,
)
from lookalike.evaluation.judged_queries import JudgedQuery
from lookalike.evaluation.judgements import Combination, Judgements, Run, refuse_if
from lookalike.evaluation.ranking_metrics import MAX_GRADE
from lookalike.types import Box

FileFormat: TypeAlias = Literal["trec", "csv", "tsv", "label-studio"]

SUFFIXES: dict[str, FileFormat] = {
    ".qrels": "trec",
    ".run": "trec",
    ".trec": "trec",
    ".txt": "trec",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "label-studio",
}

_COLUMNS = {
    "query": ("query", "query_id", "qid"),
    "image": ("image", "image_id", "candidate", "relevant", "docno"),
    "grade": ("grade", "relevance", "rel"),
    **{name: (name,) for name in ("score", "rank", "at", "x", "y", "width", "height")},
    "user": ("user", "user_id"),
}
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_BOX = ("x", "y", "width", "height")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+(\.0*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRow:
    """One judgement as a file has it.

    Attributes:
        unit: whether the file is counted in lines or in tasks.
        number: of the line or task, from 1.
        query: name of the query, see `judged_queries`.
        image: that was judged.
        grade: 0 to 5.
        user: who judged, "" when the file does not say.
        at: when, as the file says it.
    """

    unit: Literal["line", "task"] = "line"
    number: int
    query: str
    image: str
    grade: int
    user: str = ""
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class JudgementReading:
    """What a judgement file holds.

    Attributes:
        judgements: from the good lines.
        rows: the good lines themselves, with who and when.
        bad_lines: what was left out; empty unless it was asked to keep the good ones.
    """

    judgements: Judgements
    rows: tuple[JudgementRow, ...]
    bad_lines: tuple[BadLine, ...]


@dataclass(frozen=True, kw_only=True)
class RunReading:
    """What a run file holds.

    Attributes:
        run: from the good lines.
        bad_lines: what was left out; empty unless it was asked to keep the good ones.
    """

    run: Run
    bad_lines: tuple[BadLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResultRow:
    """One result of a run as a file has it; sorted by `key`, best first, its results are in order."""

    number: int
    query: str
    image: str
    score: float | None
    rank: float
    name: str

    @property
    def key(self) -> tuple[float, float, int]:
        return (0.0 if self.score is None else -self.score, self.rank, self.number)


def read_judgements(
    path: Path, *, file_format: FileFormat | None = None, keep_good: bool = False, combine: Combination = "refuse"
) -> JudgementReading:
    """Judgements from a file.

    Args:
        path: to read.
        file_format: as above; None goes by the suffix.
        keep_good: whether to go on without the bad lines instead of refusing the file.
        combine: what becomes of a pair with several different grades, as when several people judged it. With `refuse`
            the later lines are bad and, if good ones are kept, the first grade stands.

    Raises:
        EvaluationRefused: the file cannot be read, has bad lines (all are in `problems`), or has no good ones.
    """
    rows, bad_lines = collect(_judgement_lines(path, file_format or format_of(path)), _judgement_row)
    if combine == "refuse":
        rows, contradictions = _without_contradictions(rows)
        bad_lines += contradictions
    bad_lines.sort(key=lambda bad: bad.number)
    _refuse_bad(path, bad_lines, keep_good=keep_good, good=len(rows))
    triples = ((row.query, row.image, row.grade) for row in rows)
    judgements = Judgements.of(triples, combine=combine, rule=f"read from {path.name}")
    return JudgementReading(judgements=judgements, rows=tuple(rows), bad_lines=tuple(bad_lines))


def read_run(path: Path, *, file_format: FileFormat | None = None, keep_good: bool = False) -> RunReading:
    """A run from a file.

    Args:
        path: to read.
        file_format: `trec`, `csv` or `tsv`; None goes by the suffix.
        keep_good: whether to go on without the bad lines instead of refusing the file. Of an image that stands twice,
            the first line is good.

    Raises:
        EvaluationRefused: the file cannot be read, has bad lines (all are in `problems`), or has no good ones.
    """
    chosen = format_of_run(path, file_format)
    rows, bad_lines = collect(_run_lines(path, chosen), _result_row)
    rows, repeats = _without_repeats(rows)
    bad_lines = sorted([*bad_lines, *repeats], key=lambda bad: bad.number)
    _refuse_bad(path, bad_lines, keep_good=keep_good, good=len(rows))
    return RunReading(run=_run_of(rows, path.stem), bad_lines=tuple(bad_lines))


def write_judgements(judgements: Judgements, path: Path, *, file_format: FileFormat | None = None) -> None:
    """Judgements to a file that `read_judgements` reads back. No format has room for the rule and the collection.

    Raises:
        EvaluationRefused: a name does not fit the format.
        StorageFailed: the file cannot be written.
    """
    chosen = file_format or format_of(path)
    rows = [(query, image, grade) for query, judged in judgements.grades.items() for image, grade in judged.items()]
    if chosen == "label-studio":
        _write(path, json.dumps([_task(*row) for row in rows], indent=1, ensure_ascii=False) + "\n")
    elif chosen == "trec":
        _write(path, _blank_separated(path, ((query, "0", image, str(grade)) for query, image, grade in rows)))
    else:
        _write(path, _table(("query", "image", "grade"), rows, _DELIMITERS[chosen]))


def write_run(run: Run, path: Path, *, file_format: FileFormat | None = None) -> None:
    """A run to a file that `read_run`, and for `trec` trec_eval too, reads back in the same order.

    trec_eval sorts by score in single precision, so a ranking whose scores do not strictly descend there (equal ones,
    re-ranked ones, none at all) is written with minus the rank in place of the score.

    Raises:
        EvaluationRefused: a name does not fit the format.
        StorageFailed: the file cannot be written.
    """
    chosen = format_of_run(path, file_format)
    rows = [
        (query, image, str(rank), repr(score))
        for query, ranking in run.rankings.items()
        for rank, (image, score) in enumerate(zip(ranking, _written_scores(run, query), strict=True), start=1)
    ]
    if chosen == "trec":
        name = "_".join(run.name.split()) or "lookalike"
        _write(
            path,
            _blank_separated(path, ((query, "Q0", image, rank, score, name) for query, image, rank, score in rows)),
        )
    else:
        _write(path, _table(("query", "image", "rank", "score"), rows, _DELIMITERS[chosen]))


def format_of(path: Path) -> FileFormat:
    """The format a file's suffix says.

    Raises:
        EvaluationRefused: none of ours.
    """
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise EvaluationRefused(f"{path}: give its format; only {', '.join(SUFFIXES)} are recognised by their suffix")
    return found


def format_of_run(path: Path, file_format: FileFormat | None = None) -> FileFormat:
    """The format a run file has.

    Raises:
        EvaluationRefused: none of ours, or one that holds no runs.
    """
    chosen = file_format or format_of(path)
    if chosen == "label-studio":
        raise EvaluationRefused(f"{path}: Label Studio holds judgements, not runs; runs are trec, csv or tsv")
    return chosen


def _judgement_lines(path: Path, file_format: FileFormat) -> Lines:
    if file_format == "label-studio":
        return label_studio_lines(path)
    if file_format == "trec":
        return trec_lines(path, ("query", "iteration", "image", "grade"))
    required = (("query",), ("image",), ("grade",))
    return table_lines(path, delimiter=_DELIMITERS[file_format], columns=_COLUMNS, required=required)


def _run_lines(path: Path, file_format: FileFormat) -> Lines:
    if file_format == "trec":
        return trec_lines(path, ("query", "Q0", "image", "rank", "score", "name"))
    required = (("query",), ("image",), ("score", "rank"))
    return table_lines(path, delimiter=_DELIMITERS[file_format], columns=_COLUMNS, required=required)


def _judgement_row(line: Line) -> JudgementRow:
    query, image = _pair(line)
    text = line.fields["grade"].strip()
    if not _WHOLE_NUMBER.fullmatch(text):
        raise LineUnusable(f"grade {text!r} is not a whole number")
    grade = int(text.split(".")[0])
    if not 0 <= grade <= MAX_GRADE:
        raise LineUnusable(f"grade {grade} is out of 0 to {MAX_GRADE}")
    user, at = line.fields.get("user", ""), line.fields.get("at", "")
    return JudgementRow(unit=line.unit, number=line.number, query=query, image=image, grade=grade, user=user, at=at)


def _result_row(line: Line) -> _ResultRow:
    query, image = _pair(line)
    score = _number(line, "score") if "score" in line.fields else None
    rank = _number(line, "rank") if "rank" in line.fields else 0.0
    name = line.fields.get("name", "")
    return _ResultRow(number=line.number, query=query, image=image, score=score, rank=rank, name=name)


def _pair(line: Line) -> tuple[str, str]:
    query, image = line.fields["query"], line.fields["image"]
    if not query or not image:
        raise LineUnusable("the query or the image is empty")
    box = [line.fields.get(name, "").strip() for name in _BOX]
    if not any(box):
        return query, image
    x, y, width, height = (_number(line, name) for name in _BOX)
    try:
        region = Box(x, y, width, height)
    except CropRefused as refusal:
        raise LineUnusable(str(refusal)) from None
    return str(JudgedQuery(image=query, region=region)), image


def _number(line: Line, name: str) -> float:
    text = line.fields.get(name, "")
    try:
        number = float(text)
    except ValueError:
        raise LineUnusable(f"{name} {text!r} is not a number") from None
    if math.isnan(number):
        raise LineUnusable(f"{name} is not a number (NaN)")
    return number


def _without_contradictions(rows: Iterable[JudgementRow]) -> tuple[list[JudgementRow], list[BadLine]]:
    first: dict[tuple[str, str], JudgementRow] = {}
    kept, bad_lines = [], []
    for row in rows:
        before = first.setdefault((row.query, row.image), row)
        if before.grade == row.grade:
            kept.append(row)
        else:
            reason = f"grade {row.grade} disagrees with grade {before.grade} of {before.unit} {before.number}"
            bad_lines.append(BadLine(row.number, reason, f"{row.query} {row.image}", row.unit))
    return kept, bad_lines


def _without_repeats(rows: Iterable[_ResultRow]) -> tuple[list[_ResultRow], list[BadLine]]:
    first: dict[tuple[str, str], _ResultRow] = {}
    bad_lines = []
    for row in rows:
        before = first.setdefault((row.query, row.image), row)
        if before is not row:
            reason = f"the image stands in line {before.number} too, for the same query"
            bad_lines.append(BadLine(row.number, reason, f"{row.query} {row.image}"))
    return list(first.values()), bad_lines


def _refuse_bad(path: Path, bad_lines: Sequence[BadLine], *, keep_good: bool, good: int) -> None:
    if not keep_good:
        refuse_if([str(bad) for bad in bad_lines], str(path))
    if not good:
        raise EvaluationRefused(f"{path}: it contains no usable line", tuple(map(str, bad_lines)))


def _run_of(rows: Sequence[_ResultRow], fallback_name: str) -> Run:
    by_query: dict[str, list[_ResultRow]] = {}
    for row in rows:
        by_query.setdefault(row.query, []).append(row)
    for of_query in by_query.values():
        of_query.sort(key=lambda row: row.key)
    scored = all(row.score is not None for row in rows)
    return Run(
        rankings={query: tuple(row.image for row in of_query) for query, of_query in by_query.items()},
        scores={query: tuple(row.score or 0.0 for row in of_query) for query, of_query in by_query.items()}
        if scored
        else None,
        name=rows[0].name or fallback_name,
    )


def _written_scores(run: Run, query: str) -> Sequence[float]:
    if run.scores is not None:
        scores = [float(score) for score in run.scores[query]]
        with np.errstate(over="ignore"):
            singles = np.asarray(scores, dtype=np.float64).astype(np.float32).tolist()
        if all(better > worse for better, worse in pairwise(singles)):
            return scores
    return [-float(rank) for rank in range(1, len(run.rankings[query]) + 1)]


def _task(query: str, image: str, grade: int) -> dict[str, object]:
    # Choices, because a rating of no stars cannot be said; accepted by Label Studio's import as by our own.
    choice = {"from_name": "grade", "to_name": "image", "type": "choices", "value": {"choices": [str(grade)]}}
    return {"data": {"query": query, "image": image}, "annotations": [{"result": [choice]}]}


def _blank_separated(path: Path, rows: Iterable[Sequence[str]]) -> str:
    lines = []
    for row in rows:
        unfit = [field for field in row if field.split() != [field]]
        if unfit:
            raise EvaluationRefused(f"{path}: the name {unfit[0]!r} has blanks, which TREC files cannot hold; use .tsv")
        lines.append(" ".join(row) + "\n")
    return "".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror}") from error
