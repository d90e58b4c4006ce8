"""Searching, with the files that hits are named by: only those that exist, and no hit without any."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

from lookalike.errors import CallerError
from lookalike.library.notebook import TILE_PIXELS, Tile, pictures_html
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import thumbnail
from lookalike.retrieval import MOST_NEIGHBORS, Answer, Query
from lookalike.types import Hit, Visibility

_ASKED_AGAIN = 4  # times as many, where some hits have no file


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult(Sequence[Hit]):
    """Hits, best first: a sequence, which a notebook shows as a row of pictures.

    Attributes:
        answer: as the engine gave it, without hits whose files are all missing.
        files: image id -> paths that exist now, those found by the last run first; none for an upload.
        pictures: image ids -> JPEG thumbnails of those that everybody may see now, None where there is no file; empty
            once the library is closed.
        warnings: what people should know besides.
    """

    answer: Answer
    files: Mapping[str, tuple[str, ...]]
    pictures: Callable[[Sequence[str]], Mapping[str, bytes | None]] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.answer.hits)

    @overload
    def __getitem__(self, rank: int) -> Hit: ...
    @overload
    def __getitem__(self, rank: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, rank: int | slice) -> Hit | tuple[Hit, ...]:
        return self.answer.hits[rank]

    def _repr_html_(self) -> str:
        pictures = self.pictures([hit.image.id for hit in self])
        tiles = [
            Tile(
                picture=pictures[hit.image.id],
                caption=f"{hit.rank} · {hit.closeness:.0f} %",
                title=next(iter(self.files.get(hit.image.id, ())), hit.image.upload_name or hit.image.id),
            )
            for hit in self
            if hit.image.id in pictures
        ]
        hidden = len(self) - len(tiles)
        told = [f"{hidden} hits are not shown: they were hidden or deleted since, or the library was closed."]
        return pictures_html(tiles, notes=[*self.warnings, *(told if hidden else [])])


def search(library: LibraryParts, query: Query) -> SearchResult:
    """The images most like a query. Results do not depend on who is searching.

    Raises:
        ImageRefused: the query's bytes are not an acceptable image.
        CropRefused: the crop does not fit the picture.
        UnknownImage: the query is no public image of this library.
        LibraryMissing: nothing was indexed yet.
    """
    answer = library.engine.search(query)
    files, away = hit_files(library, answer)
    if away and len(answer.hits) == query.limit < MOST_NEIGHBORS:
        more = replace(query, limit=min(max(query.limit * _ASKED_AGAIN, query.limit + 100), MOST_NEIGHBORS))
        answer = library.engine.search(more)
        files, away = hit_files(library, answer)
    shown = tuple(hit for hit in answer.hits if hit.image.id not in away)[: query.limit]
    missing = f"{len(away)} hits are not shown: their files are missing; `lookalike sources` names the folders"
    return SearchResult(
        answer=replace(answer, hits=shown),
        files=files,
        pictures=lambda image_ids: _thumbnails(library, image_ids),
        warnings=(*answer.notes, *([missing] if away else [])),
    )


def hit_files(library: LibraryParts, answer: Answer) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """The existing files of each hit, and the ids of hits that were not uploaded and whose files are all missing."""
    ids = [hit.image.id for hit in answer.hits]
    known = library.catalog.sources.files_of(ids)
    files = {image_id: _existing([file.path for file in known.get(image_id, [])]) for image_id in ids}
    without = [image_id for image_id in ids if not files[image_id]]
    return files, frozenset(without) - library.catalog.uploads.among(without)


def _existing(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if os.path.exists(path))  # noqa: PTH110 - paths are text here


def _thumbnails(library: LibraryParts, image_ids: Sequence[str]) -> dict[str, bytes | None]:
    """Of images that are public now, whatever they were when they were found."""
    if library.is_closed:
        return {}
    public = library.catalog.images.get_many(image_ids, visibility=Visibility.PUBLIC)
    return {image_id: _thumbnail(library, image_id) for image_id in public}


def _thumbnail(library: LibraryParts, image_id: str) -> bytes | None:
    try:
        content = library.catalog.images.content(image_id)
        return thumbnail(content, size=TILE_PIXELS, name=image_id, limits=library.limits)
    except CallerError:  # its file is gone
        return None
