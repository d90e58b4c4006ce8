"""Judgements brought together with the library they are evaluated on."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.catalog import Catalog
from lookalike.errors import CallerError, CropRefused, EvaluationRefused
from lookalike.evaluation.judged_queries import JudgedQuery
from lookalike.evaluation.judgements import Combination, Judgements, Run
from lookalike.evaluation.pipeline.names import NamedImages, find_images_named
from lookalike.evaluation.pipeline.query_tables import QueryRow
from lookalike.preprocessing import Limits, OpenedImage
from lookalike.retrieval import Query
from lookalike.types import Box, Grade, Image


@dataclass(frozen=True, kw_only=True)
class PipelineQuery:
    """One judged query, ready to be asked.

    Attributes:
        name: as in the judgements.
        image: the library's image it is, or is a part of; None when it is a file that was not indexed.
        path: that file.
        crop: the part of the image; None for all of it.
        tags: of its image, and of the table that describes it: what to report by.
    """

    name: str
    image: Image | None = None
    path: Path | None = None
    crop: Box | None = None
    tags: tuple[str, ...] = ()

    @property
    def own_image_ids(self) -> frozenset[str]:
        """What does not count as found: a whole image as its own hit. The image that a part was cut from does."""
        return frozenset({self.image.id}) if self.image is not None and self.crop is None else frozenset()

    def as_query(self) -> Query:
        """What the search engine is asked.

        Raises:
            ImageRefused: the file cannot be read.
        """
        if self.image is not None:
            return Query.image(self.image.id, crop=self.crop)
        return Query.picture(self.path or Path(), crop=self.crop, name=self.name)


@dataclass(frozen=True, kw_only=True)
class JudgedLibrary:
    """Judgements in a library's own terms.

    Attributes:
        judgements: query name -> image id -> grade. The image a whole-image query was made from is left out.
        queries: how each of those queries is asked.
        warnings: what had to be left out, in words.
    """

    judgements: Judgements
    queries: Mapping[str, PipelineQuery]
    warnings: tuple[str, ...]


def judged_library(
    catalog: Catalog,
    judgements: Judgements,
    *,
    folders: Sequence[Path] = (),
    table: Mapping[str, QueryRow] | None = None,
    limits: Limits | None = None,
) -> JudgedLibrary:
    """Find the images that judgements name, and leave out what the library can't answer for.

    Images the library does not hold are left out of the judgements: no pipeline could find them. Names that mean the
    same bytes are one image; it has the highest of their grades.

    Args:
        catalog: of the library.
        judgements: by the names of a file.
        folders: where relative names start.
        table: what each query is, where its name does not say.
        limits: for query pictures that were not indexed.

    Raises:
        EvaluationRefused: nothing is left to evaluate; the message says why.
    """
    described, lost = _described(judgements.grades, table or {})
    listed = {image for judged in judgements.grades.values() for image in judged} | judgements.collection
    named = find_images_named(
        catalog, [*(row.query.image for row in described.values()), *sorted(listed)], folders=folders
    )
    finder = _QueryFinder(named, folders, limits or Limits())
    queries, not_found = finder.find(described)
    lost |= not_found
    grades, merged = _in_ids(judgements.grades, named.images, queries)
    judgeable = {name: judged for name, judged in grades.items() if judged or judgements.collection}
    warnings = _warnings(named, listed, lost, merged, grades.keys() - judgeable.keys())
    if not judgeable:
        raise EvaluationRefused(
            "\n  ".join(["no judged query can be asked of this library:", *warnings]), tuple(warnings)
        )
    return JudgedLibrary(
        judgements=Judgements(
            grades=judgeable,
            rule=judgements.rule,
            collection=frozenset(named.images[name].id for name in judgements.collection if name in named.images),
        ),
        queries={name: queries[name] for name in judgeable},
        warnings=tuple(warnings),
    )


def run_in_ids(catalog: Catalog, run: Run, *, folders: Sequence[Path]) -> tuple[Run, int]:
    """A run with the library's ids in place of names, and how many of its results the library does not hold.

    Those stay in their places under their own names, as results that nobody judged.
    """
    named = find_images_named(catalog, {name for ranking in run.rankings.values() for name in ranking}, folders=folders)
    ids = {name: image.id for name, image in named.images.items()}
    rankings = {q: tuple(dict.fromkeys(ids.get(name, name) for name in names)) for q, names in run.rankings.items()}
    unknown = sum(name not in ids for names in run.rankings.values() for name in names)
    return Run(rankings=rankings, name=run.name), unknown


def stored_judgements(catalog: Catalog, name: str, *, combine: Combination) -> Judgements:
    """A judgement set of the catalog; queries and images are named by id.

    Raises:
        EvaluationRefused: there is no set of that name, it is empty, or people disagree and `combine` is `refuse`.
    """
    found = [one for one in catalog.judgements.sets() if one.name == name]
    if not found:
        known = ", ".join(one.name for one in catalog.judgements.sets()) or "none"
        raise EvaluationRefused(f"{name}: no such file, and no judgement set of that name in this library ({known})")
    grades = catalog.judgements.settled(judgement_set=name)
    rows = ((query_name(grade), grade.image_id, grade.grade) for grade in grades)
    return Judgements.of(rows, combine=combine, rule=found[0].rule)


def query_name(grade: Grade) -> str:
    """The name of a stored grade's query in files."""
    return str(JudgedQuery(image=grade.query_image_id, region=grade.crop))


def _described(names: Iterable[str], table: Mapping[str, QueryRow]) -> tuple[dict[str, QueryRow], dict[str, str]]:
    """What each query is, by the table or by its name, and why others cannot be asked."""
    described: dict[str, QueryRow] = {}
    refused: dict[str, str] = {}
    for name in names:
        try:
            described[name] = table.get(name) or QueryRow(query=JudgedQuery.parse(name))
        except CropRefused as reason:
            refused[name] = str(reason)
    return described, refused


class _QueryFinder:
    """Finds how queries are asked: as an image of the library, or as a file beside it."""

    def __init__(self, named: NamedImages, folders: Sequence[Path], limits: Limits) -> None:
        self._named = named
        self._folders = folders
        self._limits = limits

    def find(self, described: Mapping[str, QueryRow]) -> tuple[dict[str, PipelineQuery], dict[str, str]]:
        """The queries by name, and why others cannot be asked."""
        queries: dict[str, PipelineQuery] = {}
        lost: dict[str, str] = {}
        for name, row in described.items():
            try:
                queries[name] = self._query(name, row)
            except CallerError as reason:
                lost[name] = str(reason)
        return queries, lost

    def _query(self, name: str, row: QueryRow) -> PipelineQuery:
        image = self._named.images.get(row.query.image)
        tags = tuple(f"{column}: {value}" for column, value in row.groups.items() if value)
        if image is not None:
            crop = row.query.crop((image.width, image.height))
            return PipelineQuery(name=name, image=image, crop=crop, tags=(*tags, *image.tags))
        path = self._file(row.query.image)
        return PipelineQuery(name=name, path=path, crop=self._crop(row.query, path), tags=tags)

    def _file(self, name: str) -> Path:
        if name in self._named.hidden:
            raise EvaluationRefused("its image is private, blocked or not readable")
        if name in self._named.ambiguous:
            raise EvaluationRefused("several images of the library have that name: say more of the path")
        for folder in self._folders:
            path = Path(os.path.abspath(folder / name))  # noqa: PTH100
            if path.is_file():
                return path
        raise EvaluationRefused("its image is not in the library, and there is no such file")

    def _crop(self, query: JudgedQuery, path: Path) -> Box | None:
        if query.region is None:
            return None
        content = Query.picture(path).content or b""
        opened = OpenedImage(content, name=str(path), limits=self._limits)
        return query.crop((opened.width, opened.height))


def _in_ids(
    grades: Mapping[str, Mapping[str, int]], images: Mapping[str, Image], queries: Mapping[str, PipelineQuery]
) -> tuple[dict[str, dict[str, int]], int]:
    """Grades by image id, without each query's own image, and how many names fell together with another."""
    ids = {name: image.id for name, image in images.items()}
    merged = 0
    in_ids: dict[str, dict[str, int]] = {}
    for name, query in queries.items():
        of_query: dict[str, int] = {}
        for image, grade in grades[name].items():
            if (image_id := ids.get(image)) is None:
                continue
            merged += image_id in of_query
            of_query[image_id] = max(grade, of_query.get(image_id, 0))
        in_ids[name] = {image: grade for image, grade in of_query.items() if image not in query.own_image_ids}
    return in_ids, merged


def _warnings(
    named: NamedImages, listed: Iterable[str], lost: Mapping[str, str], merged: int, nothing_judged: Iterable[str]
) -> list[str]:
    missing = sorted(set(listed) - named.images.keys())
    without = sorted(nothing_judged)
    found = [
        (len(lost), "queries cannot be asked", [f"{name}: {why}" for name, why in lost.items()]),
        (len(missing), "judged images are not in the library, or cannot be found there, and were left out", missing),
        (len(without), "queries have no judged image in the library and were left out", without),
        (merged, "judgements name an image whose bytes another name has too; the higher grade counts", []),
    ]
    return [f"{count:,} {what}" + _examples(names) for count, what, names in found if count]


def _examples(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f" ({shown}{', ...' if len(names) > 3 else ''})" if names else ""  # noqa: PLR2004
