"""Taking queries out of a library's own vectors."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from lookalike.catalog import Catalog
from lookalike.errors import CallerError
from lookalike.snapshot import Centring, Truth, sampled_rows
from lookalike.types import Vectors

FEWEST_IMAGES = 100
_MOST_QUERIES = 2_000  # the mean recall of so many is known to about 0.003
_FEWEST_QUERIES = 500
_COMPARED = 1_000_000_000  # queries x vectors: exact search takes about half a minute for both samples
_SHARE = 10  # never more than a tenth of a library for each sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A library without some of its images, and those as queries.

    A query that is in the index finds its neighbours too easily (a graph leads straight from it to them), so that
    queries are taken out before anything is built: what is measured then holds for images the library has never seen.

    Attributes:
        vectors: [size, dimension] float32, what indexes are built from; rounded to float16, as they are kept.
        choosing: queries to choose with.
        checking: as many others, to find out what the choice is worth.
        whole: images in the library, queries included.
    """

    vectors: Vectors
    choosing: Truth
    checking: Truth
    whole: int

    @classmethod
    def of(cls, vectors: Vectors, *, seed: int = 0) -> "Sample":
        """From vectors in memory, [size, dimension] float32 unit rows.

        Raises:
            CallerError: there are too few to measure anything with.
        """
        return cls._of_blocks(iter([vectors]), size=len(vectors), dimension=vectors.shape[1], seed=seed)

    @classmethod
    def read(cls, catalog: Catalog, fingerprint: str, *, centring: Centring | None = None) -> "Sample":
        """From a catalog's vectors of one model, in one consistent look. The same library gives the same sample.

        Args:
            catalog: of the library.
            fingerprint: of the model.
            centring: what an index takes out of them; None for nothing.

        Raises:
            CallerError: there are too few to measure anything with.
        """
        with catalog.vectors.reading(fingerprint) as reading:
            centring = centring or Centring.none(reading.dimension or 1)
            blocks = (centring.rows(block.vectors, block.regions) for block in reading.blocks())
            with closing(blocks):
                return cls._of_blocks(
                    blocks, size=reading.size, dimension=reading.dimension or 1, seed=reading.state.sequence
                )

    @classmethod
    def _of_blocks(cls, blocks: Iterator[Vectors], *, size: int, dimension: int, seed: int) -> "Sample":
        if size < FEWEST_IMAGES:
            raise CallerError(
                f"{size} images are too few to measure an index with: {FEWEST_IMAGES} are needed, and libraries as"
                " small as this are searched exactly"
            )
        wanted = _queries(size)
        rows = sampled_rows(size, 2 * wanted, seed=seed)
        asked = np.zeros(size, dtype=bool)
        asked[rows] = True
        vectors = np.empty((size - len(rows), dimension), dtype=np.float32)
        queries = np.empty((len(rows), dimension), dtype=np.float32)
        seen = kept = taken = 0
        for block in blocks:
            rounded = block.astype(np.float16).astype(np.float32)
            chosen = asked[seen : seen + len(block)]
            left_out = int(np.count_nonzero(chosen))
            queries[taken : taken + left_out] = rounded[chosen]
            vectors[kept : kept + len(block) - left_out] = rounded[~chosen]
            seen, kept, taken = seen + len(block), kept + len(block) - left_out, taken + left_out
        # ids are hashes, so that neither half of the rows differs from the other; mixed all the same
        order = np.random.default_rng(seed + 1).permutation(len(queries))
        return cls(
            vectors=vectors,
            choosing=Truth.of(vectors, queries[order[:wanted]]),
            checking=Truth.of(vectors, queries[order[wanted:]]),
            whole=size,
        )


def _queries(size: int) -> int:
    wanted = min(max(_COMPARED // size, _FEWEST_QUERIES), _MOST_QUERIES)
    return max(min(wanted, size // _SHARE), 1)
