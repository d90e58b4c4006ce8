"""Judgements from a file or from the library, in the library's own terms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from lookalike.errors import EvaluationRefused
from lookalike.evaluation import BadLine, Combination, FileFormat, Judgements, read_judgements
from lookalike.evaluation.pipeline import JudgedLibrary, judged_library, read_query_table, stored_judgements
from lookalike.library.parts import LibraryParts
from lookalike.settings import user_path

_BAD_LINES_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class JudgementSource:
    """Where grades come from, and how their names are read.

    Attributes:
        judgements: a file or the name of a set.
        queries: a table that describes queries, if any.
        group_by: its columns to report by, separated by commas.
        images: where relative names start.
        file_format: None goes by the suffix.
        keep_good: go on without bad lines.
        combine: what becomes of grades that differ.
    """

    judgements: str
    queries: Path | None = None
    group_by: str = ""
    images: Path | None = None
    file_format: str | None = None
    keep_good: bool = False
    combine: str = "refuse"

    @property
    def file(self) -> Path | None:
        """The file, or None when a set of the library is named."""
        path = user_path(self.judgements)
        return path if path.exists() or path.suffix else None

    @property
    def folders(self) -> list[Path]:
        """Where relative names start: each is tried."""
        near = [path.parent for path in (self.file, self.queries) if path is not None]
        return list(dict.fromkeys(folder.absolute() for folder in [self.images, *near, Path()] if folder is not None))


def judged_queries(library: LibraryParts, source: JudgementSource) -> JudgedLibrary:
    """Judgements in the library's own terms.

    Raises:
        EvaluationRefused: the file or the set cannot be used, or nothing of it is in the library.
    """
    columns = [name.strip() for name in source.group_by.split(",") if name.strip()]
    if columns and source.queries is None:
        raise EvaluationRefused(f"--group-by {source.group_by}: name the table that has these columns with --queries")
    table = read_query_table(source.queries, group_by=columns) if source.queries else None
    judgements, warnings = _judgements(library, source)
    found = judged_library(library.catalog, judgements, folders=source.folders, table=table, limits=library.limits)
    return replace(found, warnings=(*warnings, *found.warnings))


def _judgements(library: LibraryParts, source: JudgementSource) -> tuple[Judgements, list[str]]:
    combine = choice("--combine", source.combine, Combination)
    if source.file is None:
        return stored_judgements(library.catalog, source.judgements, combine=cast("Combination", combine)), []
    reading = read_judgements(
        source.file,
        file_format=file_format(source.file_format),
        keep_good=source.keep_good,
        combine=cast("Combination", combine),
    )
    return reading.judgements, bad_line_warnings(source.file, reading.bad_lines)


def bad_line_warnings(path: Path, bad_lines: Sequence[BadLine]) -> list[str]:
    """A sentence on the lines of a file that were left out, and the first of them; nothing where there are none."""
    if not bad_lines:
        return []
    more = [f"and {len(bad_lines) - _BAD_LINES_SHOWN} more"] if len(bad_lines) > _BAD_LINES_SHOWN else []
    shown = [f"{path}: {bad}" for bad in bad_lines[:_BAD_LINES_SHOWN]]
    return [f"{path}: {len(bad_lines)} bad lines were left out", *shown, *more]


def file_format(name: str | None) -> FileFormat | None:
    """The format that --format names.

    Raises:
        EvaluationRefused: none of ours.
    """
    return None if name is None else cast("FileFormat", choice("--format", name, FileFormat))


def choice(option: str, given: str, kind: object) -> str:
    """One of the words of a Literal.

    Raises:
        EvaluationRefused: another.
    """
    if given not in get_args(kind):
        raise EvaluationRefused(f"{option} {given}: choose one of {', '.join(get_args(kind))}")
    return given
