"""Lists of anisotropic codes: Google's ScaNN.

Idea: as with product quantization, vectors are filed in lists and replaced by short codes; but the codebooks are
learned so that the error along a vector is small, even if that across it grows, because only the error along it moves
the products with near queries. Codes of 4 bits are compared in registers, and the best candidates again by their
stored vectors. Complexity: `leaves` + size x probes / leaves sums of dimension / 2 look-ups. Use it as a yardstick:
it is among the fastest there is, but its package comes for few platforms, knows no filters, and writes lines of log
to standard error.
Paper: Guo et al. 2020, "Accelerating large-scale inference with anisotropic vector quantization", arXiv:1908.10396.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors.allowed import AllowedRows
from lookalike.neighbors.candidate_search import CandidateSearch
from lookalike.neighbors.candidates import SMALL, CandidateIndex, read_saved, widened
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.stored import RowStore
from lookalike.on_demand import load
from lookalike.types import Rows, Vectors

NAME = "scann"
_ASSETS_FILE = "scann_assets.pbtxt"  # names the others
_CONFIG_FILE = "scann_config.pb"
_ASSET = re.compile(r'asset_path: "([^"/]+)"')
_ROWS_A_LEAF = 250
_DIMENSIONS_A_CODE = 2
_PROBES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannBuild:
    """How lists and codes are made; a change needs a rebuild.

    Attributes:
        leaves: lists.
        threshold: cosine from which on a query counts as near, which decides how much more the error along a vector
            weighs; the paper's T.
        training_rows: vectors that lists and codes are learned from, at most.
    """

    leaves: int
    threshold: float = 0.2
    training_rows: int = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannSearch(CandidateSearch):
    """How lists are searched; may change at any time.

    Attributes:
        probes: lists visited for each query.
        candidates: rows compared by their stored vectors, at least.
        candidates_per_neighbor: the same, for each neighbour asked for.
    """

    probes: int
    candidates: int = 100
    candidates_per_neighbor: int = 5


class _Leaves:
    """Proposes the best codes of the lists nearest to a query.

    Args:
        searcher: ScaNN's; None for libraries too small to be asked about.
        size: rows.
        dimension: of each.
        building: how it was built.
    """

    def __init__(self, searcher: Any, *, size: int, dimension: int, building: ScannBuild) -> None:
        self._searcher = searcher
        self._size = size
        self._dimension = dimension
        self._building = building

    @property
    def bytes_in_memory(self) -> int:
        """Codes of 4 bits for two dimensions, row numbers and lists, and centroids."""
        if self._searcher is None:
            return 0
        codes = -(-self._dimension // (2 * _DIMENSIONS_A_CODE)) + 8
        return self._size * codes + 4 * self._building.leaves * self._dimension

    def propose(self, queries: Vectors, k: int, allowed: AllowedRows | None, searching: ScannSearch) -> Rows:
        """Ask ScaNN, for more where rows will be left out."""
        asked = widened(searching.candidates_for(k), self._size, allowed)
        probes = searching.probes
        if allowed is not None:
            probes = math.ceil(probes * math.sqrt(self._size / allowed.count))
        probes = min(probes, self._building.leaves)
        proposed = np.full((len(queries), asked), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            rows, _ = self._searcher.search(query, final_num_neighbors=asked, leaves_to_search=probes)
            proposed[place, : len(rows)] = rows
        return proposed

    def candidates(self, k: int, searching: ScannSearch) -> int:
        """As the parameters say."""
        return searching.candidates_for(k)

    def save(self, directory: Path) -> tuple[str, ...]:
        """Have ScaNN write its files, with names that do not say where they are."""
        if self._searcher is None:
            return ()
        try:
            self._searcher.serialize(str(directory), relative_path=True)
            assets = (directory / _ASSETS_FILE).read_text(encoding="utf-8")
        except (OSError, RuntimeError) as failure:
            raise StorageFailed(f"the index could not be written to {directory}: {failure}") from failure
        return (_ASSETS_FILE, _CONFIG_FILE, *_ASSET.findall(assets))


def build(vectors: Vectors, *, parameters: ScannBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Learn lists and codes from a sample, and fill the lists.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size.
        threads: passed over; ScaNN learns in one, and the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
        DependencyMissing: ScaNN is not installed.
    """
    del threads
    scann = _scann()
    vectors = rounded(checked(vectors))
    parameters = parameters or _usual(len(vectors))
    searcher = None
    if len(vectors) > SMALL:
        builder = scann.builder(vectors, 10, "dot_product")
        builder = builder.tree(
            num_leaves=parameters.leaves,
            num_leaves_to_search=min(_usual_probes(parameters.leaves), parameters.leaves),
            training_sample_size=min(parameters.training_rows, len(vectors)),
            min_partition_size=1,
        )
        builder = builder.score_ah(
            _DIMENSIONS_A_CODE if vectors.shape[1] > 1 else 1,
            anisotropic_quantization_threshold=parameters.threshold,
            training_sample_size=min(parameters.training_rows, len(vectors)),
        )
        searcher = builder.set_n_training_threads(1).build()
    searching = ScannSearch(probes=_usual_probes(parameters.leaves))
    return _index(searcher, RowStore.of(vectors), parameters, searching)


def open_saved(directory: Path) -> CandidateIndex:
    """Read lists and codes, and map the vectors.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
        DependencyMissing: ScaNN is not installed.
    """
    scann = _scann()
    saved = read_saved(directory, name=NAME, building=ScannBuild, searching=ScannSearch)
    store = RowStore.open(directory)
    searcher = None
    if store.size > SMALL:
        try:
            searcher = scann.load_searcher(str(directory), assets_backcompat_shim=False)
        except (OSError, RuntimeError, ValueError) as problem:
            raise SnapshotDamaged(f"{directory}: {problem}") from problem
        if searcher.size() != store.size:
            raise SnapshotDamaged(f"{directory}: the lists and the vectors do not belong together")
    return _index(searcher, store, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[ScannBuild, ...]:
    """A list for 250 rows, then for 500 and 125."""
    del dimension
    usual = _usual(size).leaves
    return tuple(ScannBuild(leaves=leaves) for leaves in dict.fromkeys((usual, max(usual // 2, 1), 2 * usual)))


def search_grid(building: ScannBuild, size: int) -> tuple[ScannSearch, ...]:
    """From one list to all of them, with candidates that grow alike; the last compares every row."""
    steps = [probes for probes in _PROBES if probes < building.leaves]
    grid = [ScannSearch(probes=probes, candidates=max(50, 3 * probes)) for probes in steps]
    return (*grid, ScannSearch(probes=building.leaves, candidates=max(size, 1)))


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists, estimates by codes learned for near ones, and compares the best by their vectors.",
    build=build,
    open=open_saved,
    building=ScannBuild,
    searching=ScannSearch,
    build_grid=build_grid,
    search_grid=search_grid,
    extra="scann",
    package="scann",
)


def _scann() -> Any:
    # for some platforms only, and seconds to import: an extra
    needed = "the scann index needs ScaNN: pip install 'lookalike[scann]'"
    return load("scann.scann_ops.py.scann_ops_pybind", otherwise=needed)


def _usual(size: int) -> ScannBuild:
    return ScannBuild(leaves=max(size // _ROWS_A_LEAF, 1))


def _usual_probes(leaves: int) -> int:
    return min(max(16, round(2 * math.sqrt(leaves))), leaves)


def _index(searcher: Any, store: RowStore, building: ScannBuild, searching: ScannSearch) -> CandidateIndex:
    proposer = _Leaves(searcher, size=store.size, dimension=store.dimension, building=building)
    return CandidateIndex.of(proposer, store, name=NAME, building=building, searching=searching)
