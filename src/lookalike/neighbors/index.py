"""The interface every nearest-neighbour backend keeps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from lookalike.neighbors.allowed import AllowedRows
from lookalike.types import Mask, Neighbors, Rows, Vectors


class VectorIndex(Protocol):
    """Unit vectors in fixed rows, searched by cosine. Immutable, and safe to search from many threads at once.

    Vectors are kept as float16. A cosine is the float32 product of the query with the stored vector, within
    [-1, 1]: at most 5e-4 and typically 2e-5 from the cosine of the vectors as they were given. The answer to a query
    depends neither on the queries beside it nor on the number of threads.

    Attributes:
        backend: its name in `BACKENDS`.
        size: rows.
        dimension: of each vector.
    """

    @property
    def backend(self) -> str:
        """Its name in `BACKENDS`."""
        ...

    @property
    def size(self) -> int:
        """How many rows there are."""
        ...

    @property
    def dimension(self) -> int:
        """Of each vector."""
        ...

    @property
    def bytes_in_memory(self) -> int:
        """What searching needs in memory, but for vectors that an index leaves in a mapped file."""
        ...

    @property
    def bytes_mapped(self) -> int:
        """Vectors that it leaves in a mapped file, of which the system keeps in memory what is asked for."""
        ...

    @property
    def keeps_vectors(self) -> bool:
        """Whether it has its vectors, in memory or in a file, or nothing but codes of them."""
        ...

    @property
    def building(self) -> Any:
        """The backend's build parameters, `Backend.building`; None where there are none."""
        ...

    @property
    def searching(self) -> Any:
        """The backend's query parameters, `Backend.searching`; None where there are none. Saved with the index."""
        ...

    def searching_with(self, searching: Any) -> "VectorIndex":
        """The same storage, searched with other parameters.

        Raises:
            ValueError: parameters of another type than this backend's.
        """
        ...

    def search(self, queries: Vectors, k: int, *, allowed: Mask | AllowedRows | None = None) -> Neighbors:
        """The k rows nearest to each query.

        Args:
            queries: [queries, dimension] float32 unit rows.
            k: neighbours wanted, at least 1.
            allowed: [size] bool, the rows that may be returned; None for all. A mask that serves many searches is
                faster as `AllowedRows.of(mask)`.

        Returns:
            Rows best first, equal cosines by row ascending. When at least k rows are allowed, k are returned; else
            the rest is -1 with cosine -inf.

        Raises:
            VectorsRefused: a query of another dimension, not finite, or not of unit length.
            ValueError: k below 1, or a mask of another length.
        """
        ...

    def vectors(self, rows: Rows) -> Vectors:
        """The stored vectors, as precise as this backend keeps them.

        Args:
            rows: [n] int64.

        Returns:
            [n, dimension] float32.

        Raises:
            IndexError: a row outside the index.
        """
        ...

    def save(self, directory: Path) -> None:
        """Write files into an existing directory; nothing outside it.

        Raises:
            StorageFailed: the disk is full or failing.
        """
        ...


class BuildIndex(Protocol):
    """Makes an index from vectors."""

    def __call__(self, vectors: Vectors, *, parameters: Any = None, threads: int | None = None) -> VectorIndex:
        """Build an index; the same vectors and parameters give the same index, whatever the threads.

        Args:
            vectors: [size, dimension] float32 unit rows; none at all is fine.
            parameters: the backend's own; None chooses them from the size and dimension.
            threads: to build with; None for all cores.

        Raises:
            VectorsRefused: vectors that are not finite or not of unit length.
        """
        ...


Blocks = Callable[[], Iterator[Vectors]]
"""Starts from the first row each time it is called. Blocks are [n, dimension] float32 unit rows, of any n."""


class BuildFromBlocks(Protocol):
    """Makes an index of vectors that do not fit in memory."""

    def __call__(
        self,
        blocks: Blocks,
        size: int,
        dimension: int,
        *,
        working: Path,
        parameters: Any = None,
        threads: int | None = None,
    ) -> VectorIndex:
        """Build the index that `BuildIndex` makes of the same rows, without holding them.

        Args:
            blocks: called more than once; must give the same rows in the same order.
            size: rows in all blocks together.
            dimension: of each.
            working: an existing directory for files that belong to the index from then on. `save` into it leaves them
                in place, into any other directory copies them.
            parameters: the backend's own; None chooses them from the size and dimension.
            threads: to build with; None for all cores.

        Raises:
            VectorsRefused: vectors that are not finite or not of unit length.
            StorageFailed: the disk is full or failing.
            ValueError: the blocks hold more or fewer rows than `size`.
        """
        ...


def nothing_to_build_with(size: int, dimension: int) -> tuple[None, ...]:
    """The build grid of a backend without build parameters."""
    del size, dimension
    return (None,)


def nothing_to_search_with(building: Any, size: int) -> tuple[None, ...]:
    """The search grid of a backend without query parameters."""
    del building, size
    return (None,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to find nearest neighbours.

    Attributes:
        name: as in snapshots and settings.
        idea: how it finds neighbours, in one plain sentence.
        build: makes an index.
        open: reads what `VectorIndex.save` wrote. Raises SnapshotDamaged when files are missing or do not fit
            together. It trusts their bytes: whoever stores an index checks checksums first, as `lookalike.snapshot`
            does.
        build_from_blocks: makes an index of vectors that do not fit in memory; None where it cannot.
        building: the dataclass of its build parameters; None where there is nothing to choose.
        searching: the dataclass of its query parameters; None where there is nothing to choose.
        build_grid: from size and dimension, the build parameters worth trying, the default first.
        search_grid: from build parameters and size, the query parameters worth trying, from fast and loose to full
            effort, where the answer is that of exact search as far as stored codes allow.
        extra: what to install with `pip install 'lookalike[EXTRA]'`; None when it is always there.
        package: the Python package that `extra` brings, as it is imported.
    """

    name: str
    idea: str
    build: BuildIndex
    open: Callable[[Path], VectorIndex]
    build_from_blocks: BuildFromBlocks | None = None
    building: type[Any] | None = None
    searching: type[Any] | None = None
    build_grid: Callable[[int, int], tuple[Any, ...]] = nothing_to_build_with
    search_grid: Callable[[Any, int], tuple[Any, ...]] = nothing_to_search_with
    extra: str | None = None
    package: str | None = None

    @property
    def available(self) -> bool:
        """What it needs is installed."""
        return self.package is None or find_spec(self.package) is not None
