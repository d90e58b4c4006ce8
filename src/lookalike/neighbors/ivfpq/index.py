"""An inverted file whose lists hold 4-bit codes, with the vectors beside it to score the best candidates again."""

import json
import threading
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import faiss
import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows, allowed_rows
from lookalike.neighbors.checking import checked, checked_k, checked_rows
from lookalike.neighbors.ivfpq.parameters import IvfPqBuild, IvfPqSearch, build_parameters, search_parameters
from lookalike.neighbors.ivfpq.reach import Probe, Reach
from lookalike.neighbors.ivfpq.training import built, centroid_bytes, refined
from lookalike.neighbors.scanning import Found, Scan
from lookalike.neighbors.threads import each_large_block
from lookalike.neighbors.vector_file import MappedVectors, as_matrix
from lookalike.types import Mask, Neighbors, Rows, Vectors

NAME = "faiss-ivfpq"
_LISTS_FILE = "lists.faiss"
VECTORS_FILE = "vectors.faiss"
_PARAMETERS_FILE = "parameters.json"
_FASTSCAN_BLOCK = 32  # rows that Faiss scans at once: the last block of a list is as large as the others
_SCANNED_ROWS = 50_000  # so many allowed rows are scanned: every true neighbour is found
_SCANNED_SHARE = 0.5  # unless they are most of the index, which is then as good as unfiltered
_COPIED_ONCE = 0.02  # above this share, copying rows together for one search costs more than stepping over the others
_BULK = 8  # when more than an eighth of the rows is asked for, probing saves nothing


class IvfPqIndex:
    """Lists of 4-bit codes (Faiss `IndexIVFPQFastScan`) and float16 vectors for the candidates.

    One query takes one thread, the caller's. Batches are spread over a pool that the process shares. Without refine,
    cosines are estimates within about 0.05 and there are no vectors but decoded codes.

    Args:
        index: a filled Faiss index, as `training.built` makes it.
        building: how it was built.
        searching: probes and candidates.
        mapped: where its vectors are, if that is a file; None when they are in memory or not kept.
    """

    backend = NAME

    def __init__(
        self,
        index: faiss.Index,
        *,
        building: IvfPqBuild,
        searching: IvfPqSearch,
        mapped: MappedVectors | None = None,
    ) -> None:
        self.building = building
        self.searching = searching
        self._mapped = mapped
        self.size: int = index.ntotal
        self.dimension: int = index.d
        self._index = index
        self._refines = building.refine
        self._lists = faiss.downcast_index(index.base_index) if building.refine else index
        self._kept: Any = faiss.downcast_index(index.refine_index) if building.refine else None
        self._unfiltered = self._probe(None)
        self._probed_for = self.size // _BULK if building.refine else 0  # the largest k that is not a scan
        self._filtered: WeakKeyDictionary[AllowedRows, Reach] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @cached_property
    def bytes_in_memory(self) -> int:
        """Codes, ids and centroids with their codes; stored vectors too, unless they are mapped."""
        lists = self._lists.invlists
        filled = sum(-(-lists.list_size(place) // _FASTSCAN_BLOCK) for place in range(lists.nlist))
        codes: int = filled * _FASTSCAN_BLOCK * self._lists.code_size
        vectors = 2 * self.dimension * self.size if self._refines and self._mapped is None else 0
        centroids = self.building.lists * centroid_bytes(self.building.lists, self.dimension)
        return codes + 8 * self.size + centroids + vectors

    @property
    def bytes_mapped(self) -> int:
        """Stored vectors in a mapped file: the system keeps in memory what is asked for, while there is room."""
        return 2 * self.dimension * self.size if self._mapped is not None else 0

    def searching_with(self, searching: IvfPqSearch) -> "IvfPqIndex":
        """The same index, searched with other parameters.

        Raises:
            ValueError: parameters of another backend.
        """
        if type(searching) is not IvfPqSearch:
            raise ValueError(f"{NAME} is searched with IvfPqSearch, not {searching!r}")
        return IvfPqIndex(self._index, building=self.building, searching=searching, mapped=self._mapped)

    def search(self, queries: Vectors, k: int, *, allowed: Mask | AllowedRows | None = None) -> Neighbors:
        """The k rows nearest to each query; see `VectorIndex.search`."""
        queries = checked(queries, dimension=self.dimension)
        if allowed is None and len(queries) == 1 and 0 < k <= self._probed_for:  # the usual case, by the shortest way
            return Neighbors(*self._unfiltered.one(queries, k))
        prepared = None if allowed is None else allowed_rows(allowed, self.size)
        reachable = prepared.count if prepared else self.size
        kept = min(checked_k(k), reachable)
        if kept == 0 or len(queries) == 0:
            return _padded(len(queries), k, None)
        reach = self._reach(prepared, kept, once=prepared is not allowed)
        if len(queries) == 1:
            rows, cosines = reach.one(queries, kept)
        else:
            found = each_large_block(partial(reach.block, k=kept), queries)
            rows, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if kept < k:
            return _padded(len(queries), k, (rows, cosines))
        return Neighbors(rows=rows, cosines=cosines)

    def vectors(self, rows: Rows) -> Vectors:
        """The stored vectors, [n, dimension] float32; decoded codes without refine."""
        rows = checked_rows(rows, self.size)
        if self._refines:
            return self._codes[rows].view(np.float16).astype(np.float32)
        with self._lock:
            self._lists.make_direct_map(True)  # 8 bytes a vector, and nothing if it was made before
        return np.asarray(self._lists.reconstruct_batch(rows), dtype=np.float32).reshape(-1, self.dimension)

    def save(self, directory: Path) -> None:
        """Write the lists, the vectors and the parameters.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        parameters = {"building": asdict(self.building), "searching": asdict(self.searching)}
        try:
            faiss.write_index(self._lists, str(directory / _LISTS_FILE))
            if self._refines and not (self._mapped and self._mapped.is_in(directory / VECTORS_FILE)):
                faiss.write_index(self._kept, str(directory / VECTORS_FILE))
            (directory / _PARAMETERS_FILE).write_text(json.dumps(parameters, indent=1), encoding="utf-8")
        except (OSError, RuntimeError) as failure:  # Faiss raises RuntimeError for a full disk
            raise StorageFailed(f"the index could not be written to {directory}: {failure}") from failure

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        """[size, 2 * dimension] uint8: the float16 vectors where Faiss holds them, not a copy."""
        return as_matrix(self._kept, self.size, self.dimension)

    def _reach(self, allowed: AllowedRows | None, k: int, *, once: bool) -> Reach:
        """How to answer. `once` says that these allowed rows will not be seen again."""
        reachable = allowed.count if allowed else self.size
        if k * _BULK > reachable and self._refines:
            return self._scan(allowed, once=True)
        if allowed is None:
            return self._unfiltered
        if once:
            return self._filter(allowed, once=True)
        with self._lock:
            reach = self._filtered.get(allowed)
            if reach is None:
                self._filtered[allowed] = reach = self._filter(allowed, once=False)
            return reach

    def _filter(self, allowed: AllowedRows, *, once: bool) -> Reach:
        few = allowed.count <= min(_SCANNED_ROWS, _SCANNED_SHARE * self.size)
        return self._scan(allowed, once=once) if few and self._refines else self._probe(allowed)

    def _scan(self, allowed: AllowedRows | None, *, once: bool) -> Scan:
        if allowed is None:
            return Scan(self._kept, size=self.size)
        if once and allowed.count > _COPIED_ONCE * self.size:
            return Scan(self._kept, size=allowed.count, selector=faiss.IDSelectorBitmap(allowed.bits))
        return Scan.copied(self._codes, allowed, self.dimension)

    def _probe(self, allowed: AllowedRows | None) -> Probe:
        return Probe(
            self._index,
            kept=self._kept,
            lists=self.building.lists,
            reachable=allowed.count if allowed else self.size,
            searching=self.searching,
            selector=faiss.IDSelectorBitmap(allowed.bits) if allowed else None,
        )


def build(vectors: Vectors, *, parameters: IvfPqBuild | None = None, threads: int | None = None) -> IvfPqIndex:
    """Learn centroids and codes from a sample, and fill the lists.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size and dimension.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
    """
    vectors = checked(vectors)
    parameters = parameters or build_parameters(*vectors.shape)
    index = built(vectors, parameters, threads=threads)
    return IvfPqIndex(index, building=parameters, searching=search_parameters(parameters, vectors.shape[1]))


def open_saved(directory: Path) -> IvfPqIndex:
    """Read the lists and map the vectors that `IvfPqIndex.save` wrote.

    Mapped pages are read when they are first touched, and shared between processes. Faiss copies lists out of a mapped
    file, which would then count twice.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    try:
        parameters = json.loads((directory / _PARAMETERS_FILE).read_text(encoding="utf-8"))
        building = IvfPqBuild(**parameters["building"])
        searching = IvfPqSearch(**parameters["searching"])
        index = lists = faiss.read_index(str(directory / _LISTS_FILE))
        if (lists.nlist, lists.pq.M) != (building.lists, building.subquantizers):
            raise SnapshotDamaged(f"{directory}: the index and its parameters do not belong together")
        lists.fine_quantizer = lists.pq  # Faiss 1.15 leaves it null, and decoding codes would end the process
        mapped = MappedVectors(directory / VECTORS_FILE) if building.refine else None
        if mapped is not None:
            index = refined(lists, mapped.kept)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise SnapshotDamaged(f"{directory}: {problem}") from problem
    return IvfPqIndex(index, building=building, searching=searching, mapped=mapped)


def _padded(queries: int, k: int, found: Found | None) -> Neighbors:
    """As many columns as asked for, of which the last are empty."""
    rows = np.full((queries, k), -1, dtype=np.int64)
    cosines = np.full((queries, k), -np.inf, dtype=np.float32)
    if found is not None:
        width = found[0].shape[1]
        rows[:, :width], cosines[:, :width] = found
    return Neighbors(rows=rows, cosines=cosines)
