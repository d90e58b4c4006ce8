"""A table that says what each query of a judgement file is: its image, the part of it, and groups to report by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.errors import CropRefused
from lookalike.evaluation.file_lines import Line, table_lines
from lookalike.evaluation.judged_queries import JudgedQuery
from lookalike.evaluation.judgements import refuse_if
from lookalike.types import Box

_COLUMNS = {
    "query": ("query", "query_id", "qid", "path", "image"),
    "image": ("image", "path", "query"),
    **{name: (name,) for name in ("x", "y", "width", "height", "x0", "y0", "x1", "y1")},
}
_FRACTIONS = ("x", "y", "width", "height")
_CORNERS = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True, kw_only=True)
class QueryRow:
    """One query as a table describes it.

    Attributes:
        query: its image, and the part of it.
        groups: column -> value, of the columns to group by.
    """

    query: JudgedQuery
    groups: dict[str, str] = field(default_factory=dict)


def read_query_table(path: Path, *, group_by: Sequence[str] = ()) -> dict[str, QueryRow]:
    """The queries a CSV or TSV file describes, by the name that judgements use for them.

    Its first line names the columns, of which others than these are ignored: the query's name in `query` (or
    `query_id`, `qid`, `path`, `image`); its image in `image` (or `path`, `query`); the part of it in `x0`, `y0`, `x1`,
    `y1`, corners in pixels of the upright image, or in `x`, `y`, `width`, `height`, fractions of its sides. A row with
    empty cells for the box is a whole image. A `width` and `height` without `x` and `y` are the image's own: ignored.

    Args:
        path: to read; `.csv` has commas, anything else tabs.
        group_by: columns to report results by.

    Raises:
        EvaluationRefused: it cannot be read, a column is missing, or lines are bad: all are listed.
    """
    columns = {**_COLUMNS, **{f"group {name}": (name.strip().lower(),) for name in group_by}}
    required = [("query",), *([f"group {name}"] for name in group_by)]
    queries: dict[str, QueryRow] = {}
    problems: list[str] = []
    for line in table_lines(path, delimiter=_delimiter(path), columns=columns, required=required):
        if not isinstance(line, Line):
            problems.append(str(line))
            continue
        try:
            queries[line.fields["query"]] = QueryRow(
                query=JudgedQuery(image=line.fields["image"], region=_region(line)),
                groups={name: line.fields[f"group {name}"] for name in group_by},
            )
        except ValueError:
            problems.append(f"line {line.number}: the box is not four numbers: {line.text}")
        except CropRefused as refusal:
            problems.append(f"line {line.number}: {refusal}: {line.text}")
    refuse_if(problems, str(path))
    return queries


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table, of which only some columns are looked at.

    Args:
        path: `.csv` has commas, anything else tabs; the first line names the columns.
        columns: by name; letter case does not matter.

    Raises:
        EvaluationRefused: it cannot be read, a column is missing, or lines are bad: all are listed.
    """
    spelled = {name: (name.strip().lower(),) for name in columns}
    lines = list(table_lines(path, delimiter=_delimiter(path), columns=spelled, required=[(name,) for name in columns]))
    refuse_if([str(line) for line in lines if not isinstance(line, Line)], str(path))
    return [dict(line.fields) for line in lines if isinstance(line, Line)]


def _delimiter(path: Path) -> str:
    return "," if path.suffix.lower() == ".csv" else "\t"


def _region(line: Line) -> Box | None:
    corners = [line.fields.get(name, "").strip() for name in _CORNERS]
    if any(corners):
        left, top, right, bottom = map(float, corners)
        return Box(left, top, right - left, bottom - top, unit="pixel")
    fractions = [line.fields.get(name, "").strip() for name in _FRACTIONS]
    if fractions[0] or fractions[1]:
        x, y, width, height = map(float, fractions)
        return Box(x, y, width, height)
    return None
