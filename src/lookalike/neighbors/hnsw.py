"""A graph of near neighbours in layers, walked greedily from the top: Faiss's HNSW.

Idea: every vector is linked to some that are near it; a few are in higher layers too, with longer links. A search
enters at the top, walks to whatever is nearest to the query, goes down a layer, and on the lowest keeps the best
`effort` vectors it met. Complexity: about log(size) steps, each comparing twice `links` vectors far apart in memory;
building costs one such search a vector. Use it for high recall of single queries on libraries that fit in memory with
their graph and are seldom rebuilt. Filters suit it badly: the walk passes through rows that may not be returned.
Paper: Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using Hierarchical
Navigable Small World graphs", arXiv:1603.09320.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import faiss

from lookalike.errors import SnapshotDamaged
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.answers import ask
from lookalike.neighbors.candidates import CandidateIndex, read_saved, widened
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.stored import RowStore, read_faiss, write_faiss
from lookalike.neighbors.threads import openmp_threads
from lookalike.types import Rows, Vectors

NAME = "hnsw"
_GRAPH_FILE = "graph.faiss"


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswBuild:
    """How a graph is built; a change needs a rebuild.

    Attributes:
        links: a vector has on each layer, and twice as many on the lowest; the paper's M.
        effort: vectors kept in view while a new one looks for its links; the paper's efConstruction.
        storage: what the walk compares: `fp16` the stored vectors, 2 bytes a number; `sq8` codes of 1 byte a number
            beside them, which are faster to fetch; `flat` float32 beside them, 4 bytes a number.
    """

    links: int = 32
    effort: int = 40
    storage: Literal["flat", "fp16", "sq8"] = "fp16"


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswSearch:
    """How a graph is searched; may change at any time.

    Attributes:
        effort: vectors kept in view on the lowest layer, all of which are candidates; the paper's ef.
        effort_per_neighbor: the same, for each neighbour asked for.
    """

    effort: int = 96
    effort_per_neighbor: int = 2

    def effort_for(self, k: int) -> int:
        """Vectors kept in view when k neighbours are asked for."""
        return max(self.effort, k * self.effort_per_neighbor, k)


class _Graph:
    """Proposes what the walk kept in view."""

    def __init__(self, graph: Any, store: RowStore, building: HnswBuild) -> None:
        self._graph = graph
        self._store = store  # of `fp16`, it is what the graph compares
        self._building = building

    @property
    def bytes_in_memory(self) -> int:
        """Links, and what the walk compares unless that is the stored vectors."""
        links = 4 * self._graph.hnsw.neighbors.size() + 12 * self._store.size
        bytes_a_number = {"fp16": 0, "sq8": 1, "flat": 4}[self._building.storage]
        return int(links + bytes_a_number * self._store.size * self._store.dimension)

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: HnswSearch) -> Rows:
        """Walk the graph; with rows that may not be returned, keep as many more in view."""
        selector = faiss.IDSelectorBitmap(allowed.bits) if allowed else None
        asked = searching.effort_for(k)
        effort = widened(asked, self._store.size, allowed)
        parameters = faiss.SearchParametersHNSW(efSearch=effort, **({"sel": selector} if selector else {}))
        return ask(self._graph, queries, asked, parameters)[0]

    def candidates(self, k: int, searching: HnswSearch) -> int:
        """All that is kept in view."""
        return searching.effort_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Write the graph, without the vectors where they are stored anyway."""
        flags = faiss.IO_FLAG_SKIP_STORAGE if self._building.storage == "fp16" else 0
        write_faiss(self._graph, directory / _GRAPH_FILE, flags)
        return (_GRAPH_FILE,)


def build(vectors: Vectors, *, parameters: HnswBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Add one vector after the other, in one thread: with more, links depend on which thread comes first.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for 32 links over the stored vectors.
        threads: passed over; the graph is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
    """
    del threads
    vectors = rounded(checked(vectors))
    parameters = parameters or HnswBuild()
    graph = _no_graph(vectors.shape[1], parameters)
    graph.hnsw.efConstruction = parameters.effort
    with openmp_threads(1):
        if len(vectors):
            graph.train(vectors)
            graph.add(vectors)
    shared = parameters.storage == "fp16"
    store = RowStore(faiss.downcast_index(graph.storage)) if shared else RowStore.of(vectors)
    return _index(graph, store, parameters, HnswSearch())


def open_saved(directory: Path) -> CandidateIndex:
    """Read the graph and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved = read_saved(directory, name=NAME, building=HnswBuild, searching=HnswSearch)
    store = RowStore.open(directory)
    graph = read_faiss(directory / _GRAPH_FILE)
    if (graph.ntotal, graph.d) != (store.size, store.dimension):
        raise SnapshotDamaged(f"{directory}: the graph and the vectors do not belong together")
    if saved.building.storage == "fp16":
        graph.storage = store.kept
        graph.own_fields = False
    return _index(graph, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[HnswBuild, ...]:
    """Over the stored vectors; then over codes, and with fewer and with more links."""
    del size, dimension
    return (
        HnswBuild(),
        HnswBuild(storage="sq8"),
        HnswBuild(links=16),
        HnswBuild(links=32, effort=200),
        HnswBuild(links=48, effort=200),
    )


def search_grid(building: HnswBuild, size: int) -> tuple[HnswSearch, ...]:
    """From 16 vectors in view to all."""
    del building
    efforts = [effort for effort in (16, 32, 48, 64, 96, 128, 192, 256, 512, 1024) if effort < size]
    return tuple(HnswSearch(effort=effort) for effort in (*efforts, max(size, 1)))


BACKEND = Backend(
    name=NAME,
    idea="Links every vector to some near ones, and walks along the links towards the query.",
    build=build,
    open=open_saved,
    building=HnswBuild,
    searching=HnswSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _no_graph(dimension: int, parameters: HnswBuild) -> Any:
    metric = faiss.METRIC_INNER_PRODUCT
    if parameters.storage == "flat":
        return faiss.IndexHNSWFlat(dimension, parameters.links, metric)
    kind = faiss.ScalarQuantizer.QT_fp16 if parameters.storage == "fp16" else faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexHNSWSQ(dimension, kind, parameters.links, metric)


def _index(graph: Any, store: RowStore, building: HnswBuild, searching: HnswSearch) -> CandidateIndex:
    return CandidateIndex.of(_Graph(graph, store, building), store, name=NAME, building=building, searching=searching)
