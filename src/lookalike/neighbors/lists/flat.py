"""Vector quantization: every vector in the list of its nearest centroid, whole.

Idea: k-means finds centroids, the codebook of a vector quantizer; each vector is filed under the nearest one, and a
search compares the query with all vectors of the lists whose centroids are nearest to it. Complexity: `lists` + size
x probes / lists comparisons; building compares every vector with every centroid. Use it where cosines must be those
of the vectors without a second stage, where memory is for one copy of the vectors and no more, and where lists are
small enough to be read whole.
Papers: Gray 1984, "Vector quantization"; Sivic and Zisserman 2003, "Video Google: a text retrieval approach to object
matching in videos".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss

from lookalike.neighbors.candidates import CandidateIndex, read_saved
from lookalike.neighbors.checking import checked
from lookalike.neighbors.exact import rounded
from lookalike.neighbors.index import Backend
from lookalike.neighbors.lists.probing import ListStore, Probes, filled, open_lists
from lookalike.neighbors.lists.training import (
    TRAINING_ROWS,
    probe_steps,
    trained_quantizer,
    training_sample,
    usual_lists,
    usual_probes,
)
from lookalike.neighbors.threads import SUMS
from lookalike.types import Vectors

NAME = "ivf-flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfFlatBuild:
    """How lists are made; a change needs a rebuild.

    Attributes:
        lists: centroids, and so lists.
        training_rows: vectors the centroids are learned from, at most.
        seed: of the sample and of the first centroids.
    """

    lists: int
    training_rows: int = TRAINING_ROWS
    seed: int = 20_031_013


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfFlatSearch:
    """How lists are searched; may change at any time.

    Attributes:
        probes: lists visited for each query.
    """

    probes: int

    def candidates_for(self, k: int) -> int:
        """As many as are asked for: the lists hold the vectors themselves."""
        return k


@SUMS.building()
def build(vectors: Vectors, *, parameters: IvfFlatBuild | None = None, threads: int | None = None) -> CandidateIndex:
    """Learn centroids from a sample, and file every vector.

    Args:
        vectors: [size, dimension] float32 unit rows.
        parameters: None for what suits the size.
        threads: None for all cores; the index is the same.

    Raises:
        VectorsRefused: vectors that are not finite or not of unit length.
    """
    vectors = rounded(checked(vectors))
    parameters = parameters or IvfFlatBuild(lists=usual_lists(len(vectors)))
    sample = training_sample(vectors, lists=parameters.lists, at_most=parameters.training_rows, seed=parameters.seed)
    quantizer = trained_quantizer(sample, lists=parameters.lists, seed=parameters.seed, threads=threads)
    lists = faiss.IndexIVFScalarQuantizer(
        quantizer,
        vectors.shape[1],
        parameters.lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # whole vectors, not what the centroid leaves over
    )
    quantizer.this.disown()
    lists.own_fields = True
    lists.train(sample[:1])  # float16 has nothing to learn; Faiss wants it said
    searching = IvfFlatSearch(probes=usual_probes(parameters.lists))
    return _index(filled(lists, vectors, threads=threads), parameters, searching)


def open_saved(directory: Path) -> CandidateIndex:
    """Read the lists.

    Raises:
        SnapshotDamaged: files are missing or do not fit together.
    """
    saved = read_saved(directory, name=NAME, building=IvfFlatBuild, searching=IvfFlatSearch)
    lists = open_lists(directory, size=saved.size, dimension=saved.dimension, lists=saved.building.lists)
    return _index(lists, saved.building, saved.searching)


def build_grid(size: int, dimension: int) -> tuple[IvfFlatBuild, ...]:
    """The usual number of lists, half and twice as many."""
    del dimension
    usual = usual_lists(size)
    return tuple(IvfFlatBuild(lists=lists) for lists in dict.fromkeys((usual, max(usual // 2, 1), 2 * usual)))


def search_grid(building: IvfFlatBuild, size: int) -> tuple[IvfFlatSearch, ...]:
    """From one list to all of them."""
    del size
    return tuple(IvfFlatSearch(probes=probes) for probes in probe_steps(building.lists))


BACKEND = Backend(
    name=NAME,
    idea="Groups vectors into lists around centroids, and compares the query with all vectors of the nearest lists.",
    build=build,
    open=open_saved,
    building=IvfFlatBuild,
    searching=IvfFlatSearch,
    build_grid=build_grid,
    search_grid=search_grid,
)


def _index(lists: Any, building: IvfFlatBuild, searching: IvfFlatSearch) -> CandidateIndex:
    probes = Probes(lists)
    store = ListStore(lists, probes, whole=True)
    return CandidateIndex.of(probes, store, name=NAME, building=building, searching=searching)
