"""Trees over the principal components of the vectors: a k-d tree by SciPy, an R-tree by libspatialindex.

Idea: a k-d tree halves space again and again, each time across one axis, until few points are left in a cell; a search
descends to the query's cell, then visits neighbouring cells that could hold something nearer. An R-tree puts points
that are near each other into a box, boxes into larger boxes, up to one that holds all; a search opens the box nearest
to the query first and stops when no unopened box can hold anything nearer. Both fail in many dimensions, where every
cell is near to every query and all boxes overlap, so the trees are over the few directions in which vectors vary most,
and their candidates are compared again by their stored vectors. Complexity: log(size) a query in two or three
dimensions, a growing share of size beyond; building is size x log(size). Use them to see why the other indexes exist,
or for vectors that truly have few dimensions.
Papers: Bentley 1975, "Multidimensional binary search trees used for associative searching"; Friedman, Bentley and
Finkel 1977, "An algorithm for finding best matches in logarithmic expected time"; Guttman 1984, "R-trees: a dynamic
index structure for spatial searching"; Leutenegger, Lopez and Edgington 1997, "STR: a simple and efficient algorithm
for R-tree packing"; Roussopoulos, Kelley and Vincent 1995, "Nearest neighbor queries".
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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

_CANDIDATES = (100, 300, 1_000, 3_000, 10_000, 30_000)


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


_Building: TypeAlias = KdTreeBuild | RTreeBuild


class _Tree:
    """A tree over points. What it proposes are the points nearest to the query's."""

    def __init__(self, reduced: Reduced) -> None:
        self._reduced = reduced

    def candidates(self, k: int, searching: CandidateSearch) -> int:
        """As the parameters say."""
        return searching.candidates_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the points: the tree is grown from them again."""
        return self._reduced.save(directory)


class _Cells(_Tree):
    """A k-d tree."""

    def __init__(self, reduced: Reduced, building: KdTreeBuild) -> None:
        super().__init__(reduced)
        self._tree = _scipy_tree()(reduced.points, leafsize=building.leaf)
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


class _Boxes(_Tree):
    """An R-tree. One query at a time: libspatialindex is not safe to share."""

    def __init__(self, reduced: Reduced, building: RTreeBuild) -> None:
        super().__init__(reduced)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of tree.

    Attributes:
        name: of the backend.
        required: raises DependencyMissing where the package of its trees is not installed.
        grown: a tree over points.
        building: the dataclass of its build parameters.
        searching: the dataclass of its query parameters.
    """

    name: str
    required: Callable[[], Any]
    grown: Callable[[Reduced, Any], Any]
    building: type[_Building]
    searching: type[KdTreeSearch | RTreeSearch]

    def build(
        self, vectors: Vectors, *, parameters: _Building | None = None, threads: int | None = None
    ) -> CandidateIndex:
        """Find the principal components, and grow a tree over them; the same whatever the threads.

        Args:
            vectors: [size, dimension] float32 unit rows.
            parameters: None for the usual number of components.
            threads: not used.

        Raises:
            VectorsRefused: vectors that are not finite or not of unit length.
            DependencyMissing: the package of its trees is not installed.
        """
        del threads
        self.required()
        vectors = rounded(checked(vectors))
        parameters = parameters or self.building()
        reduced = Reduced.of(vectors, axes=parameters.axes, seed=parameters.seed)
        return self._index(reduced, RowStore.of(vectors), parameters, self.searching())

    def open_saved(self, directory: Path) -> CandidateIndex:
        """Read the points, grow the tree again, and map the vectors.

        Raises:
            SnapshotDamaged: files are missing or do not fit together.
            DependencyMissing: the package of its trees is not installed.
        """
        saved = read_saved(directory, name=self.name, building=self.building, searching=self.searching)
        store = RowStore.open(directory)
        reduced = Reduced.open(directory, size=store.size, dimension=store.dimension)
        return self._index(reduced, store, saved.building, saved.searching)

    def build_grid(self, size: int, dimension: int) -> tuple[_Building, ...]:
        """The usual number of components, then half and twice as many."""
        del size
        usual = self.building()
        counts = (usual.axes, usual.axes // 2, 2 * usual.axes)
        return tuple(self.building(axes=axes) for axes in counts if axes == usual.axes or axes < dimension)

    def search_grid(self, building: _Building, size: int) -> tuple[CandidateSearch, ...]:
        """From 100 candidates to all."""
        del building
        return tuple(self.searching(**step) for step in candidate_steps(_CANDIDATES, size))

    def backend(self, *, idea: str, package: str) -> Backend:
        """Its record."""
        return Backend(
            name=self.name,
            idea=idea,
            build=self.build,
            open=self.open_saved,
            building=self.building,
            searching=self.searching,
            build_grid=self.build_grid,
            search_grid=self.search_grid,
            extra=self.name,
            package=package,
        )

    def _index(
        self, reduced: Reduced, store: RowStore, building: _Building, searching: CandidateSearch
    ) -> CandidateIndex:
        tree = self.grown(reduced, building)
        return CandidateIndex.of(tree, store, name=self.name, building=building, searching=searching)


def _scipy_tree() -> Any:
    # SciPy is 35 MB of a baseline: an extra
    return load("scipy.spatial", otherwise="the kd-tree index needs SciPy: pip install 'lookalike[kd-tree]'").cKDTree


def _rtree_module() -> Any:
    # a baseline, and a C++ library: an extra
    return load("rtree.index", otherwise="the r-tree index needs rtree: pip install 'lookalike[r-tree]'")


def _packed(reduced: Reduced, building: RTreeBuild) -> Any:
    module = _rtree_module()
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


KD_TREE = _Kind(
    name="kd-tree", required=_scipy_tree, grown=_Cells, building=KdTreeBuild, searching=KdTreeSearch
).backend(idea="Halves space axis by axis into cells, and visits the cells around the query.", package="scipy")

R_TREE = _Kind(name="r-tree", required=_rtree_module, grown=_Boxes, building=RTreeBuild, searching=RTreeSearch).backend(
    idea="Packs near vectors into boxes and boxes into larger ones, and opens the boxes nearest to the query.",
    package="rtree",
)
