"""Judgement sets of a library: grades read from a file, written to one, listed and removed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from lookalike.catalog import REVIEWS, JudgementSet
from lookalike.errors import EvaluationRefused
from lookalike.evaluation import (
    Combination,
    JudgedQuery,
    JudgementRow,
    Judgements,
    read_judgements,
    write_judgements,
)
from lookalike.evaluation.pipeline import NamedImages, QueryRow, find_images_named, read_query_table, stored_judgements
from lookalike.library.judging import JudgementSource, bad_line_warnings, choice, file_format
from lookalike.library.parts import LibraryParts
from lookalike.types import Grade

_NAMES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """Which grades to keep in the library.

    Attributes:
        source: the file, and how it is read; of `keep_good`, unknown images are left out, too.
        name: of the judgement set; None for the file's name.
    """

    source: JudgementSource
    name: str | None = None

    @property
    def file(self) -> Path:
        """That is read."""
        return Path(self.source.judgements)

    @property
    def set_name(self) -> str:
        """What the judgement set is called."""
        return self.name or self.file.stem


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What was kept.

    Attributes:
        name: of the judgement set.
        grades: how many.
        unknown: names of images that the library does not hold; their grades were left out.
        warnings: what people should know besides.
    """

    name: str
    grades: int
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """Which judgement set to write, and where.

    Attributes:
        name: of the set.
        out: a file; its suffix says the format, unless `file_format` does.
        paths: name images by their files instead of their ids.
        combine: what becomes of grades that differ.
        file_format: None goes by the suffix.
    """

    name: str
    out: Path
    paths: bool = False
    combine: str = "median"
    file_format: str | None = None


def import_judgements(library: LibraryParts, request: ImportRequest) -> ImportResult:
    """Keep the grades of a file in the library, with who gave them and when.

    Raises:
        EvaluationRefused: the file cannot be used, or names images that the library does not hold.
    """
    source, file = request.source, request.file
    reading = read_judgements(
        file, file_format=file_format(source.file_format), keep_good=source.keep_good, combine="median"
    )
    table = read_query_table(source.queries) if source.queries else {}
    grades, unknown = _grades(library, reading.rows, table, source.folders, request.set_name)
    if unknown and not source.keep_good:
        raise EvaluationRefused(_unknown_names(unknown) + "; --keep-good leaves them out", tuple(unknown))
    if not grades:
        raise EvaluationRefused(f"{file}: none of its images is in this library: name their folder with --images")
    reviews = {one.name for one in library.catalog.judgements.sets() if one.rule == REVIEWS}
    rule = None if request.set_name in reviews else f"read from {file.name}"
    library.catalog.judgements.write(grades, rule=rule)
    warnings = bad_line_warnings(file, reading.bad_lines) + ([_unknown_names(unknown)] if unknown else [])
    return ImportResult(name=request.set_name, grades=len(grades), unknown=tuple(unknown), warnings=tuple(warnings))


def export_judgements(library: LibraryParts, request: ExportRequest) -> Judgements:
    """Write a judgement set to a file, and return what was written.

    Raises:
        EvaluationRefused: there is no such set, grades differ and are not to be combined, or the format is unknown.
        StorageFailed: the file cannot be written.
    """
    combine = cast("Combination", choice("--combine", request.combine, Combination))
    judgements = stored_judgements(library.catalog, request.name, combine=combine)
    if request.paths:
        judgements = _by_path(library, judgements)
    write_judgements(judgements, request.out, file_format=file_format(request.file_format))
    return judgements


def list_judgements(library: LibraryParts) -> Sequence[JudgementSet]:
    """The judgement sets of the library."""
    return library.catalog.judgements.sets()


def remove_judgements(library: LibraryParts, name: str) -> int:
    """Remove a judgement set, and return how many grades it had.

    Raises:
        EvaluationRefused: there is no such set.
    """
    return library.catalog.judgements.remove_set(name)


def _grades(
    library: LibraryParts,
    rows: Iterable[JudgementRow],
    table: Mapping[str, QueryRow],
    folders: Sequence[Path],
    set_name: str,
) -> tuple[list[Grade], list[str]]:
    """The rows in the library's terms, and the names it does not know."""
    rows = list(rows)
    described = {
        row.query: table[row.query].query if row.query in table else JudgedQuery.parse(row.query) for row in rows
    }
    names = dict.fromkeys([*(query.image for query in described.values()), *(row.image for row in rows)])
    named = find_images_named(library.catalog, names, folders=folders)
    now = datetime.now(UTC)
    grades = [
        _grade(row, described[row.query], named, now, set_name)
        for row in rows
        if described[row.query].image in named.images and row.image in named.images
    ]
    return grades, sorted(names.keys() - named.images.keys())


def _grade(row: JudgementRow, query: JudgedQuery, named: NamedImages, now: datetime, set_name: str) -> Grade:
    image = named.images[query.image]
    return Grade(
        query_image_id=image.id,
        image_id=named.images[row.image].id,
        grade=row.grade,
        at=_time(row.at) or now,
        user_id=row.user or None,
        source="import",
        crop=query.crop((image.width, image.height)),
        judgement_set=set_name,
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _by_path(library: LibraryParts, judgements: Judgements) -> Judgements:
    """The same, with files in place of ids where there is one."""
    ids = {JudgedQuery.parse(name).image for name in judgements.grades}
    ids |= {image for judged in judgements.grades.values() for image in judged}
    images = library.catalog.images.get_many(sorted(ids))
    path = {image_id: image.source or image_id for image_id, image in images.items()}
    rows = (
        (_renamed(query, path), path.get(image, image), grade)
        for query, judged in judgements.grades.items()
        for image, grade in judged.items()
    )
    return Judgements.of(rows, rule=judgements.rule)


def _renamed(query: str, path: Mapping[str, str]) -> str:
    parsed = JudgedQuery.parse(query)
    return str(JudgedQuery(image=path.get(parsed.image, parsed.image), region=parsed.region))


def _unknown_names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"{len(names):,} names are of no public image of this library: {shown}"
