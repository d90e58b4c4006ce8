"""What an inverted file with product quantisation can be told, and what suits a library of a given size."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lookalike.neighbors.lists.codes import CodesSearch, pieces
from lookalike.neighbors.lists.training import TRAINING_ROWS, usual_lists, usual_probes

Memory: TypeAlias = Literal["usual", "codes", "small"]
"""What an index may take in memory, a vector of 256 dimensions:

- `usual`: 82 bytes of codes, ids and centroids, and 512 of float16 vectors, mapped once opened from disk. Fastest.
- `codes`: 78 bytes, and nothing else anywhere. Finds about three of four true neighbours, and cosines are estimates.
- `small`: 31 bytes, and 512 mapped, of which a query touches a few hundred rows. Finds nine of ten and more.
"""

_DIMENSIONS_A_CODE: dict[Memory, int] = {"usual": 2, "codes": 2, "small": 8}
_COARSE = 4  # from so many dimensions a code on, the true neighbours are farther down the list of candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfPqBuild:
    """How an index is built; a change needs a rebuild.

    Attributes:
        lists: inverted lists, the paper's k' coarse centroids (Jégou et al. 2011, "Product quantization for nearest
            neighbor search").
        subquantizers: 4-bit codes a vector, the paper's m; must divide the dimension.
        refine: keep the vectors as float16 and score the candidates again by them. Without, an index takes a
            ninth of the memory and finds about three of four true neighbours.
        training_rows: vectors the centroids are learned from, at most.
        seed: of the sample and of the first centroids.
    """

    lists: int
    subquantizers: int
    refine: bool = True
    training_rows: int = TRAINING_ROWS
    seed: int = 20_100_618


def build_parameters(size: int, dimension: int, *, memory: Memory = "usual") -> IvfPqBuild:
    """What suits `size` vectors.

    The usual lists; half of them for `codes`, whose centroids would be a tenth of its memory. One 4-bit code for
    two dimensions (measured: coarser codes need more candidates than they save bytes), for eight when memory is
    `small`; for fewer where that does not divide the dimension.
    """
    lists = usual_lists(size)
    return IvfPqBuild(
        lists=max(lists // 2, 1) if memory == "codes" else lists,
        subquantizers=pieces(dimension, at_most=_DIMENSIONS_A_CODE[memory]),
        refine=memory != "codes",
    )


def search_parameters(build: IvfPqBuild, dimension: int | None = None) -> CodesSearch:
    """What reaches recall@10 of 0.95 on real embeddings as well as on synthetic ones: see docs/indexes.md.

    The usual probes. With codes as coarse as those of `small`, five times the candidates, which reach 0.9.

    Args:
        build: of the index.
        dimension: of its vectors; None where codes are as fine as usual.
    """
    probes = usual_probes(build.lists)
    if dimension is not None and dimension >= _COARSE * build.subquantizers:
        return CodesSearch(probes=probes, candidates=500, candidates_per_neighbor=50)
    return CodesSearch(probes=probes)
