"""How indexes of lists of codes are searched."""

from dataclasses import dataclass

from lookalike.neighbors.candidate_search import CandidateSearch
from lookalike.neighbors.lists.training import probe_steps


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
