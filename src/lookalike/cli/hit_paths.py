"""The files that hits are named by: only those that are there, all of them, and no hit without any."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lookalike.library.parts import LibraryParts
from lookalike.retrieval import MOST_NEIGHBORS, Answer, Query

_ASKED_AGAIN = 4  # times as many, where some hits have no file


@dataclass(frozen=True, slots=True)
class HitPaths:
    """Where the files of hits are, by the image's id.

    Attributes:
        files: paths that are there now, those found by the last run first; none of an upload without a file.
        away: ids of hits whose files are all missing, and which were not uploaded.
    """

    files: dict[str, tuple[str, ...]]
    away: frozenset[str]


def search_present(library: LibraryParts, query: Query) -> tuple[Answer, HitPaths]:
    """Search, and leave out hits that only files name which are not there; a note of the answer says how many."""
    answer = library.engine.search(query)
    paths = hit_paths(library, answer)
    if paths.away and len(answer.hits) == query.limit < MOST_NEIGHBORS:
        more = replace(query, limit=min(max(query.limit * _ASKED_AGAIN, query.limit + 100), MOST_NEIGHBORS))
        answer = library.engine.search(more)
        paths = hit_paths(library, answer)
    if not paths.away:
        return answer, paths
    shown = tuple(hit for hit in answer.hits if hit.image.id not in paths.away)[: query.limit]
    told = f"{len(paths.away)} hits are not shown: their files are missing; `lookalike sources` names the folders"
    return replace(answer, hits=shown, notes=(*answer.notes, told)), paths


def hit_paths(library: LibraryParts, answer: Answer) -> HitPaths:
    """Look for the files of an answer's hits."""
    ids = [hit.image.id for hit in answer.hits]
    known = library.catalog.sources.files_of(ids)
    files = {image_id: _those_there([file.path for file in known.get(image_id, [])]) for image_id in ids}
    without = [image_id for image_id in ids if not files[image_id]]
    return HitPaths(files=files, away=frozenset(without) - library.catalog.uploads.among(without))


def _those_there(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if os.path.exists(path))  # noqa: PTH110 - paths are text here
