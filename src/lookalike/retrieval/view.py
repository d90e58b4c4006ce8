"""What can be searched at one moment: a snapshot, the tail of changes since its watermark, and a mask.

A view is immutable. Following the catalog makes a new one, so that searches that run meanwhile are not disturbed.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import BEGINNING, Catalog, CatalogState, Change
from lookalike.columns import IMAGE_ROW, ImageRow, ImageRows, unknown_rows
from lookalike.neighbors import AllowedRows, VectorIndex, keeps_vectors
from lookalike.reranking import Candidates
from lookalike.retrieval.scoring import exact_cosines
from lookalike.snapshot import Snapshot
from lookalike.types import Vectors, Visibility

_SPARE = 16  # float32 sums of unit vectors differ in the seventh digit: no two images more than this far apart swap


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot seen through the catalog's changes up to `state`.

    Attributes:
        fingerprint: of the model that made every vector here.
        dimension: of those vectors.
        snapshot: None while nothing was published.
        allowed: which of the snapshot's rows are public now.
        tail_ids: public images that the snapshot does not hold, sorted.
        tail_vectors: [tail, dimension] float32, in that order.
        tail_columns: [tail], in that order.
        state: of the catalog, which this view includes.
    """

    fingerprint: str
    dimension: int
    snapshot: Snapshot | None
    allowed: AllowedRows
    tail_ids: tuple[str, ...]
    tail_vectors: Vectors
    tail_columns: ImageRows
    state: CatalogState

    @classmethod
    def of(cls, snapshot: Snapshot | None, *, fingerprint: str, dimension: int) -> "View":
        """The view at the snapshot's own watermark, or the empty one."""
        return cls(
            fingerprint=fingerprint,
            dimension=dimension,
            snapshot=snapshot,
            allowed=snapshot.visible_rows if snapshot else AllowedRows.of(np.zeros(0, dtype=bool)),
            tail_ids=(),
            tail_vectors=np.zeros((0, dimension), dtype=np.float32),
            tail_columns=unknown_rows(0),
            state=snapshot.manifest.state if snapshot else BEGINNING,
        )

    @classmethod
    def whole(cls, catalog: Catalog, *, fingerprint: str, dimension: int) -> "View":
        """Everything the catalog holds, without a snapshot: every search is exact."""
        empty = cls.of(None, fingerprint=fingerprint, dimension=dimension)
        return empty.following(catalog) or empty  # every catalog has been at its beginning

    @property
    def generation(self) -> str:
        """Names this exact state: model, snapshot, last change."""
        number = self.snapshot.manifest.number if self.snapshot else 0
        return f"{self.fingerprint[:8]}-{number}-{self.state.sequence}"

    @property
    def size(self) -> int:
        """Images that can be found."""
        return self.allowed.count + len(self.tail_ids)

    def following(self, catalog: Catalog) -> "View | None":
        """This view, or a newer one that includes every change the catalog has by now.

        Returns:
            None where the catalog was never in this view's state: another one, or an older one, has taken its place.
        """
        if catalog.changes.state() == self.state:
            return self
        since = catalog.changes.since(self.state, fingerprint=self.fingerprint)
        return None if since is None else replace(self._with(since.changes), state=since.state)

    def _with(self, changes: Sequence[Change]) -> "View":
        if not changes:
            return self
        allowed = self.allowed.mask.copy()
        rows = self._rows(changes)
        tail = dict(zip(self.tail_ids, zip(self.tail_vectors, self.tail_columns, strict=True), strict=True))
        for change, row in zip(changes, rows, strict=True):
            public = not change.deleted and change.visibility is Visibility.PUBLIC
            if row >= 0:
                allowed[row] = public
            elif public and change.vector is not None:
                tail[change.image_id] = change.vector, change.columns
            else:
                tail.pop(change.image_id, None)
        ids = tuple(sorted(tail))
        return replace(
            self,
            allowed=AllowedRows.of(allowed),
            tail_ids=ids,
            tail_vectors=np.array([tail[i][0] for i in ids], dtype=np.float32).reshape(len(ids), self.dimension),
            tail_columns=np.array([tail[i][1] for i in ids], dtype=IMAGE_ROW),
        )

    def _rows(self, changes: Sequence[Change]) -> list[int]:
        if self.snapshot is None:
            return [-1] * len(changes)
        return [int(row) for row in self.snapshot.rows_of([change.image_id for change in changes])]

    def nearest(self, query: NDArray[np.float32], k: int) -> Candidates:
        """The k public images nearest to a query.

        The index proposes, then every proposal is scored again in float64, one row at a time: the order does not
        depend on the backend's rounding, on the number of threads, or on which other queries ran.

        Args:
            query: [dimension] float32, unit length.
            k: images wanted.
        """
        rows = self._snapshot_rows(query, k)
        places = self._tail_places(query, k)
        ids = [*self._ids(rows), *(self.tail_ids[place] for place in places)]
        vectors = np.concatenate([self._row_vectors(rows), self.tail_vectors[places]])
        cosines = exact_cosines(query, vectors)
        order = np.lexsort((np.array(ids, dtype=np.str_), -cosines))[:k] if ids else np.zeros(0, dtype=np.int64)
        return Candidates(
            image_ids=tuple(ids[place] for place in order),
            cosines=cosines[order],
            vectors=vectors[order],
            columns=np.concatenate([self._row_columns(rows), self.tail_columns[places]])[order],
        )

    def picture(self, image_id: str) -> tuple[ImageRow, NDArray[np.float32]] | None:
        """What is kept of an image that can be found, and its vector, [dimension] float32.

        None where the image is not here, or where the index has nothing but codes of its vector.
        """
        row = self.snapshot.row_of(image_id) if self.snapshot else None
        if row is not None and self.snapshot is not None:
            if not keeps_vectors(self.snapshot.index):
                return None
            return self.snapshot.columns[row], self.snapshot.index.vectors(np.array([row]))[0]
        place = bisect_left(self.tail_ids, image_id)
        if place == len(self.tail_ids) or self.tail_ids[place] != image_id:
            return None
        return self.tail_columns[place], self.tail_vectors[place]

    @property
    def index(self) -> VectorIndex | None:
        """The snapshot's index."""
        return self.snapshot.index if self.snapshot else None

    def _snapshot_rows(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        if self.index is None or not self.allowed.count:
            return np.zeros(0, dtype=np.int64)
        unit = query / np.linalg.norm(query)  # float16 has moved its length a little
        found: NDArray[np.int64] = self.index.search(unit[None], min(k, self.allowed.count), allowed=self.allowed).rows[
            0
        ]
        return found[found >= 0]

    def _tail_places(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """The places in the tail that can be among the k nearest, with some to spare for rounding."""
        wanted = k + _SPARE
        if len(self.tail_ids) <= wanted:
            return np.arange(len(self.tail_ids))
        return np.argpartition(-(self.tail_vectors @ query), wanted)[:wanted].astype(np.int64)

    def _row_vectors(self, rows: NDArray[np.int64]) -> Vectors:
        return self.index.vectors(rows) if self.index is not None else np.zeros((0, self.dimension), dtype=np.float32)

    def _row_columns(self, rows: NDArray[np.int64]) -> ImageRows:
        return self.snapshot.columns[rows] if self.snapshot else unknown_rows(0)

    def _ids(self, rows: NDArray[np.int64]) -> list[str]:
        return [image_id.decode() for image_id in self.snapshot.image_ids[rows].tolist()] if self.snapshot else []
