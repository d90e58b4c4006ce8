"""A forest of trees that halve space by random hyperplanes: Annoy.

Idea: two vectors are drawn, and the plane half-way between them divides the others; so on until few are left in a
leaf. Many such trees differ, so what one tree cut off from the query another keeps beside it; a search descends all
trees at once, always where the query is deepest inside, and its leaves' vectors are candidates, compared again by
their stored vectors. Complexity: about trees x log(size) planes to start with, then as much as `nodes` allows;
building is trees x size x log(size). Use it where many processes share one file of an index that is never changed. It
is no match for lists or graphs in recall at equal time.
Source: Bernhardsson 2013, "Annoy: approximate nearest neighbors oh yeah"; the idea: Dasgupta and Freund 2008, "Random
projection trees and low dimensional manifolds".
"""

import os
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.candidates import CandidateIndex, read_saved, widened
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.stored import RowStore
from lookalike.on_demand import load
from lookalike.types import Rows, Vectors

NAME = "annoy"
_FOREST_FILE = "forest.ann"
_COPY_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnoyBuild:
    """How the forest is grown; a change needs a rebuild.

    Attributes:
        trees: more find more, and take memory: a tree about 4 bytes a vector and a plane for each leaf.
        seed: of the planes.
    """

    trees: int = 50
    seed: int = 20_130_401


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnoySearch:
    """How the forest is searched; may change at any time.

    Attributes:
        nodes: rows looked at in leaves before the search ends, counted again in each tree; Annoy's search_k.
        nodes_per_neighbor: the same, for each neighbour asked for.
        candidates: rows compared by their stored vectors, at least.
    """

    nodes: int = 20_000
    nodes_per_neighbor: int = 200
    candidates: int = 100

    def nodes_for(self, k: int) -> int:
        """Rows looked at when k are asked for."""
        return max(self.nodes, k * self.nodes_per_neighbor)

    def candidates_for(self, k: int) -> int:
        """Rows compared by their stored vectors when k are asked for."""
        return max(self.candidates, 2 * k)


class _Forest:
    """Proposes the best rows of the leaves around the query.

    Args:
        forest: over a mapped file, which may have lost its name meanwhile.
        file: an open descriptor of that file; closed with this object.
        size: rows.
        dimension: of each.
    """

    def __init__(self, forest: Any, file: int, *, size: int, dimension: int) -> None:
        self._forest = forest
        self._file = file
        self._size = size
        self._dimension = dimension
        weakref.finalize(self, os.close, file)

    @property
    def bytes_in_memory(self) -> int:
        """Nodes, each as large as a float32 vector: one a row, one a plane, and one for the rows of each leaf."""
        node = 4 * self._dimension + 16
        leaf = self._dimension + 2
        return int(node * (self._size + self._forest.get_n_trees() * (1 + 3 * self._size // leaf)))

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: AnnoySearch) -> Rows:
        """Ask the forest, one query after the other."""
        asked = widened(searching.candidates_for(k), self._size, allowed)
        nodes = max(searching.nodes_for(k), asked)
        if allowed is not None:
            nodes = int(nodes * self._size / allowed.count)
        proposed = np.full((len(queries), asked), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            rows = self._forest.get_nns_by_vector(query, asked, nodes)
            proposed[place, : len(rows)] = rows
        return proposed

    def candidates(self, k: int, searching: AnnoySearch) -> int:
        """As the parameters say, or as many as are looked at in each tree."""
        trees: int = max(self._forest.get_n_trees(), 1)
        return max(searching.candidates_for(k), min(searching.nodes_for(k) // trees, self._size))

    def save(self, directory: Path) -> tuple[str, ...]:
        """Copy the file: Annoy's own way of saving takes the forest from under searches that are under way."""
        path = directory / _FOREST_FILE
        try:
            path.unlink(missing_ok=True)  # it may be the file that is mapped, which goes on without its name
            with path.open("xb") as copy:
                offset = 0
                while block := os.pread(self._file, _COPY_BLOCK, offset):
                    offset += copy.write(block)
        except OSError as failure:
            raise StorageFailed(f"{path} could not be written: {failure}") from failure
        return (_FOREST_FILE,)


def build(vectors: Vectors, *, parameters: AnnoyBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Grow one tree after the other, in one thread: with more, the planes depend on how trees are shared out.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for 50 trees.
        threads: passed over; the forest is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        DependencyMissing: Annoy is not installed.
        StorageFailed: there is no room for the forest among the system's temporary files.
    """
    del threads
    vectors = rounded(checked(vectors))
    parameters = parameters or AnnoyBuild()
    forest = _no_forest(vectors.shape[1])
    forest.set_seed(parameters.seed)
    for row, vector in enumerate(vectors):
        forest.add_item(row, vector)
    if len(vectors):
        forest.build(parameters.trees, n_jobs=1)
    return _index(forest, _unnamed_file(forest), RowStore.of(vectors), parameters, AnnoySearch())


def open_saved(directory: Path) -> CandidateIndex:
    """Map the forest and the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
        DependencyMissing: Annoy is not installed.
    """
    saved = read_saved(directory, name=NAME, building=AnnoyBuild, searching=AnnoySearch)
    store = RowStore.open(directory)
    forest = _no_forest(store.dimension)
    path = directory / _FOREST_FILE
    try:
        file = os.open(path, os.O_RDONLY)
        if store.size:
            forest.load(str(path))
    except OSError as problem:
        raise SnapshotDamaged(f"{path}: {problem}") from problem
    index = _index(forest, file, store, saved.building, saved.searching)
    if forest.get_n_items() != store.size:
        raise SnapshotDamaged(f"{directory}: the forest and the vectors do not belong together")
    return index


def build_grid(size: int, dimension: int) -> tuple[AnnoyBuild, ...]:
    """50 trees, then fewer and more."""
    del size, dimension
    return tuple(AnnoyBuild(trees=trees) for trees in (50, 20, 100))


def search_grid(building: AnnoyBuild, size: int) -> tuple[AnnoySearch, ...]:
    """From 1,000 rows looked at to every row in every tree."""
    counts = [count for count in (1_000, 5_000, 20_000, 50_000, 100_000, 200_000) if count < size * building.trees]
    everything = AnnoySearch(nodes=max(size * building.trees, 1), candidates=max(size, 1))
    return (*(AnnoySearch(nodes=count) for count in counts), everything)


BACKEND = Backend(
    name=NAME,
    idea="Halves space by random planes in many trees, and gathers what shares a leaf with the query.",
    build=build,
    open=open_saved,
    building=AnnoyBuild,
    searching=AnnoySearch,
    build_grid=build_grid,
    search_grid=search_grid,
    extra="annoy",
    package="annoy",
)


def _no_forest(dimension: int) -> Any:
    # released last in 2023, and compiled on installing: an extra
    annoy = load("annoy", otherwise="the annoy index needs Annoy: pip install 'lookalike[annoy]'")
    return annoy.AnnoyIndex(dimension, "angular")


def _unnamed_file(forest: Any) -> int:
    """Write the forest to a file that is gone when its descriptor, which this returns, is closed; Annoy maps it."""
    try:
        with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
            path = Path(folder) / _FOREST_FILE
            if forest.get_n_items():
                forest.save(str(path))
            else:  # Annoy writes no forest without trees
                path.touch()
            file: int = os.open(path, os.O_RDONLY)
    except OSError as failure:
        raise StorageFailed(f"the forest could not be written: {failure}") from failure
    return file


def _index(forest: Any, file: int, store: RowStore, building: AnnoyBuild, searching: AnnoySearch) -> CandidateIndex:
    proposer = _Forest(forest, file, size=store.size, dimension=store.dimension)
    return CandidateIndex.of(proposer, store, name=NAME, building=building, searching=searching)
