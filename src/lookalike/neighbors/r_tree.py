"""An R-tree over the principal components of the vectors, by libspatialindex.

Idea: points that are near each other are put into a box, boxes into larger boxes, up to one that holds all; a search
opens the box nearest to the query first and stops when no unopened box can hold anything nearer. In many dimensions
all boxes overlap, so the tree is over the few directions in which vectors vary most, and its candidates are compared
again by their stored vectors. Complexity: log(size) a query in two or three dimensions, a growing share of size
beyond. Use it for what it was made for, things on maps; here it is a baseline.
Papers: Guttman 1984, "R-trees: a dynamic index structure for spatial searching"; Leutenegger, Lopez and Edgington
1997, "STR: a simple and efficient algorithm for R-tree packing"; Roussopoulos, Kelley and Vincent 1995, "Nearest
neighbor queries".
"""

import threading
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

NAME = "r-tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class RTreeBuild:
    """How the tree is packed; a change needs a rebuild.

    Attributes:
        axes: principal components it is over, 2 at least; more find truer candidates and take longer.
        leaf: points in one of the smallest boxes, and boxes in a larger one.
        seed: of the sample that the components are found on.
    """

    axes: int = 8
    leaf: int = 100
    seed: int = 19_840_618


@dataclass(frozen=True, slots=True, kw_only=True)
class RTreeSearch(CandidateSearch):
    """How the tree is searched; may change at any time.

    Attributes:
        candidates: rows compared by their stored vectors, at least.
        candidates_per_neighbor: the same, for each neighbour asked for.
    """

    candidates: int = 1_000
    candidates_per_neighbor: int = 20


class _Boxes:
    """Proposes the points nearest to the query's. One query at a time: libspatialindex is not safe to share."""

    def __init__(self, reduced: Reduced, building: RTreeBuild) -> None:
        self._reduced = reduced
        self._tree: Any = _packed(reduced, building) if len(reduced.points) else None
        self._lock = threading.Lock()

    @property
    def bytes_in_memory(self) -> int:
        """The points; and of each in the tree, a box in double precision, its row, and where it stands."""
        size, axes = self._reduced.points.shape
        return int(self._reduced.axes.nbytes + size * (4 * axes + 2 * 8 * axes + 8 + 24))

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: RTreeSearch) -> Rows:
        """Ask the tree."""
        asked = widened(searching.candidates_for(k), len(self._reduced.points), allowed)
        points = _at_least_two(self._reduced.projected(queries))
        proposed = np.full((len(queries), asked), -1, dtype=np.int64)
        with self._lock:
            for place, point in enumerate(points):
                rows, _ = self._tree.nearest_v(point[None], point[None], num_results=asked, strict=True)
                proposed[place, : len(rows)] = rows
        return proposed

    def candidates(self, k: int, searching: RTreeSearch) -> int:
        """As the parameters say."""
        return searching.candidates_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the points."""
        return self._reduced.save(directory)


def build(vectors: Vectors, *, parameters: RTreeBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Find the principal components, and pack a tree over them.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for 8 components.
        threads: passed over; the tree is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        DependencyMissing: rtree is not installed.
    """
    del threads
    _tree_module()
    vectors = rounded(checked(vectors))
    parameters = parameters or RTreeBuild()
    reduced = Reduced.of(vectors, axes=parameters.axes, seed=parameters.seed)
    return _index(reduced, RowStore.of(vectors), parameters, RTreeSearch())


def open_saved(directory: Path) -> CandidateIndex:
    """Read the points, pack the tree again, and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
        DependencyMissing: rtree is not installed.
    """
    saved = read_saved(directory, name=NAME, building=RTreeBuild, searching=RTreeSearch)
    store = RowStore.open(directory)
    reduced = Reduced.open(directory, size=store.size, dimension=store.dimension)
    return _index(reduced, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[RTreeBuild, ...]:
    """8 components, then fewer and more."""
    del size
    return tuple(RTreeBuild(axes=axes) for axes in (8, 4, 16) if axes == 8 or axes < dimension)  # noqa: PLR2004


def search_grid(building: RTreeBuild, size: int) -> tuple[RTreeSearch, ...]:
    """From 100 candidates to all."""
    del building
    return tuple(RTreeSearch(**step) for step in candidate_steps((100, 300, 1_000, 3_000, 10_000, 30_000), size))


BACKEND = Backend(
    name=NAME,
    idea="Packs near vectors into boxes and boxes into larger ones, and opens the boxes nearest to the query.",
    build=build,
    open=open_saved,
    building=RTreeBuild,
    searching=RTreeSearch,
    build_grid=build_grid,
    search_grid=search_grid,
    extra="r-tree",
    package="rtree",
)


def _tree_module() -> Any:
    # a baseline, and a C++ library: an extra
    return load("rtree.index", otherwise="the r-tree index needs rtree: pip install 'lookalike[r-tree]'")


def _packed(reduced: Reduced, building: RTreeBuild) -> Any:
    module = _tree_module()
    points = _at_least_two(reduced.points)
    properties = module.Property(
        dimension=points.shape[1], leaf_capacity=building.leaf, index_capacity=building.leaf, fill_factor=0.9
    )
    rows = np.arange(len(points), dtype=np.int64)
    return module.Index((rows, points, points), properties=properties, interleaved=True)


def _at_least_two(points: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """In double precision, with a second axis where there is one only: libspatialindex knows no line."""
    missing = max(2 - points.shape[1], 0)
    return np.pad(points.astype(np.float64), ((0, 0), (0, missing)))


def _index(reduced: Reduced, store: RowStore, building: RTreeBuild, searching: RTreeSearch) -> CandidateIndex:
    return CandidateIndex(_Boxes(reduced, building), store, name=NAME, building=building, searching=searching)
