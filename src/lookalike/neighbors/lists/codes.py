"""How indexes of lists of codes are searched, and read from disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.neighbors.candidate_search import CandidateSearch
from lookalike.neighbors.candidates import Saved, read_saved
from lookalike.neighbors.lists.probing import open_lists
from lookalike.neighbors.lists.training import probe_steps
from lookalike.neighbors.stored import RowStore


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesSearch(CandidateSearch):
    """How lists of codes are searched; may change at any time.

    Attributes:
        probes: lists visited for each query.
        candidates: rows compared by their stored vectors, at least. Without refine, rows compared by decoded codes.
        candidates_per_neighbor: the same, for each neighbour asked for.
    """

    probes: int
    candidates: int = 100
    candidates_per_neighbor: int = 5


def pieces(dimension: int, *, at_most: int) -> int:
    """The fewest pieces of equal length, each of no more than so many dimensions: one code each."""
    return next(count for count in range(-(-dimension // at_most), dimension + 1) if dimension % count == 0)


def codes_search_grid(lists: int, size: int) -> tuple[CodesSearch, ...]:
    """From one list with few candidates to all lists with every row a candidate."""
    grid = [
        CodesSearch(probes=probes, candidates=max(50, 6 * probes), candidates_per_neighbor=5)
        for probes in probe_steps(lists)[:-1]
    ]
    return (*grid, CodesSearch(probes=lists, candidates=max(size, 1)))


def open_codes(directory: Path, *, name: str, building: type[Any]) -> tuple[Saved, RowStore | None, Any]:
    """What was saved of an index of codes that may keep the vectors, too: parameters, vectors, and Faiss's lists.

    Args:
        directory: where it was saved.
        name: of the backend.
        building: the dataclass of its build parameters, with `lists` and `refine`.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved = read_saved(directory, name=name, building=building, searching=CodesSearch)
    store = RowStore.open(directory) if saved.building.refine else None
    size, dimension = (store.size, store.dimension) if store else (saved.size, saved.dimension)
    return saved, store, open_lists(directory, size=size, dimension=dimension, lists=saved.building.lists)
