"""A k-d tree over the principal components of the vectors, by SciPy.

Idea: space is halved again and again, each time across one axis, until few points are left in a cell; a search
descends to the query's cell, then visits neighbouring cells that could hold something nearer. That fails in many
dimensions, where every cell is near to every query, so the tree is over the few directions in which vectors vary
most, and its candidates are compared again by their stored vectors. Complexity: log(size) a query in two or three
dimensions, nearly size in twenty; building is size x log(size). Use it to see why the other indexes exist, or for
vectors that truly have few dimensions.
Papers: Bentley 1975, "Multidimensional binary search trees used for associative searching"; Friedman, Bentley and
Finkel 1977, "An algorithm for finding best matches in logarithmic expected time".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.candidate_search import CandidateSearch, candidate_steps
from lookalike.neighbors.candidates import CandidateIndex, read_saved, widened
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.reduced import Reduced
from lookalike.neighbors.stored import RowStore
from lookalike.on_demand import load
from lookalike.types import Rows, Vectors

NAME = "kd-tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class KdTreeBuild:
    """How the tree is grown; a change needs a rebuild.

    Attributes:
        axes: principal components it is over; more find truer candidates and take longer.
        leaf: points in a cell that is not halved further.
        seed: of the sample that the components are found on.
    """

    axes: int = 16
    leaf: int = 32
    seed: int = 19_750_901


@dataclass(frozen=True, slots=True, kw_only=True)
class KdTreeSearch(CandidateSearch):
    """How the tree is searched; may change at any time.

    Attributes:
        candidates: rows compared by their stored vectors, at least.
        candidates_per_neighbor: the same, for each neighbour asked for.
        slack: cells are passed over unless they could hold a point nearer by this share; 0 visits all that might.
    """

    candidates: int = 1_000
    candidates_per_neighbor: int = 20
    slack: float = 0.0


class _Cells:
    """Proposes the points nearest to the query's."""

    def __init__(self, reduced: Reduced, building: KdTreeBuild) -> None:
        self._reduced = reduced
        self._tree = _tree_class()(reduced.points, leafsize=building.leaf)
        self._leaf = building.leaf

    @property
    def bytes_in_memory(self) -> int:
        """The points in double precision, their rows, and about two nodes a leaf."""
        size, axes = self._reduced.points.shape
        return int(self._reduced.axes.nbytes + size * (4 * axes + 8 * axes + 8 + 2 * 72 // self._leaf))

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: KdTreeSearch) -> Rows:
        """Ask the tree."""
        size = len(self._reduced.points)
        asked = max(widened(searching.candidates_for(k), size, allowed), 2)
        _, rows = self._tree.query(self._reduced.projected(queries), k=asked, eps=searching.slack, workers=1)
        rows = np.asarray(rows, dtype=np.int64)
        return np.where(rows < size, rows, -1)

    def candidates(self, k: int, searching: KdTreeSearch) -> int:
        """As the parameters say."""
        return searching.candidates_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the points."""
        return self._reduced.save(directory)


def build(vectors: Vectors, *, parameters: KdTreeBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Find the principal components, and grow a tree over them.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for 16 components.
        threads: passed over; the tree is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        DependencyMissing: SciPy is not installed.
    """
    del threads
    _tree_class()
    vectors = rounded(checked(vectors))
    parameters = parameters or KdTreeBuild()
    reduced = Reduced.of(vectors, axes=parameters.axes, seed=parameters.seed)
    return _index(reduced, RowStore.of(vectors), parameters, KdTreeSearch())


def open_saved(directory: Path) -> CandidateIndex:
    """Read the points, grow the tree again, and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
        DependencyMissing: SciPy is not installed.
    """
    saved = read_saved(directory, name=NAME, building=KdTreeBuild, searching=KdTreeSearch)
    store = RowStore.open(directory)
    reduced = Reduced.open(directory, size=store.size, dimension=store.dimension)
    return _index(reduced, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[KdTreeBuild, ...]:
    """16 components, then fewer and more."""
    del size
    return tuple(KdTreeBuild(axes=axes) for axes in (16, 8, 32) if axes == 16 or axes < dimension)  # noqa: PLR2004


def search_grid(building: KdTreeBuild, size: int) -> tuple[KdTreeSearch, ...]:
    """From 100 candidates to all."""
    del building
    return tuple(KdTreeSearch(**step) for step in candidate_steps((100, 300, 1_000, 3_000, 10_000, 30_000), size))


BACKEND = Backend(
    name=NAME,
    idea="Halves space axis by axis into cells, and visits the cells around the query.",
    build=build,
    open=open_saved,
    building=KdTreeBuild,
    searching=KdTreeSearch,
    build_grid=build_grid,
    search_grid=search_grid,
    extra="kd-tree",
    package="scipy",
)


def _tree_class() -> Any:
    # SciPy is 35 MB of a baseline: an extra
    return load("scipy.spatial", otherwise="the kd-tree index needs SciPy: pip install 'lookalike[kd-tree]'").cKDTree


def _index(reduced: Reduced, store: RowStore, building: KdTreeBuild, searching: KdTreeSearch) -> CandidateIndex:
    return CandidateIndex(_Cells(reduced, building), store, name=NAME, building=building, searching=searching)
