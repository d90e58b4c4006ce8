"""What can be searched at one moment: a snapshot, the tail of changes since its watermark, and a mask.

A view is immutable. Following the catalog makes a new one, so that searches that run meanwhile are not disturbed.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import BEGINNING, Catalog, CatalogState, Change
from lookalike.columns import IMAGE_ROW, ImageRow, ImageRows, unknown_rows
from lookalike.neighbors import AllowedRows, VectorIndex
from lookalike.reranking import Candidates
from lookalike.retrieval.scoring import exact_cosines
from lookalike.snapshot import Centring, Snapshot
from lookalike.types import WHOLE_IMAGE, Box, Mask, Vectors, Visibility

_SPARE = 16  # float32 sums of unit vectors differ in the seventh digit: no two images more than this far apart swap


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot seen through the catalog's changes up to `state`.

    Attributes:
        fingerprint: of the model that made every vector here.
        dimension: of those vectors.
        snapshot: None while nothing was published.
        allowed: which of the snapshot's rows are public now.
        tail_ids: of public rows that the snapshot does not hold, sorted: of an image, once for each region.
        tail_regions: [tail] int16, of which region each is; ascending for each image.
        tail_vectors: [tail, dimension] float32, in that order, centred as the snapshot's are.
        tail_columns: [tail], in that order.
        state: of the catalog, which this view includes.
        centring: what is taken out of vectors before they are compared.
        repeated: share of the snapshot's images whose difference hash occurred before.
        size: images that can be found: every one of them has a row as a whole. Counted once, for every search asks.
    """

    fingerprint: str
    dimension: int
    snapshot: Snapshot | None
    allowed: AllowedRows
    tail_ids: tuple[str, ...]
    tail_regions: NDArray[np.int16]
    tail_vectors: Vectors
    tail_columns: ImageRows
    state: CatalogState
    centring: Centring
    repeated: float
    size: int = field(init=False)

    def __post_init__(self) -> None:
        whole = self.snapshot.whole_images if self.snapshot else None
        in_snapshot = self.allowed.count if whole is None else int(np.count_nonzero(self.allowed.mask & whole))
        in_tail = int(np.count_nonzero(self.tail_regions == WHOLE_IMAGE))
        object.__setattr__(self, "size", in_snapshot + in_tail)

    @classmethod
    def of(
        cls, snapshot: Snapshot | None, *, fingerprint: str, dimension: int, centring: Centring | None = None
    ) -> "View":
        """The view at the snapshot's own watermark, or the empty one.

        Args:
            snapshot: the index; None where there is none.
            fingerprint: of the model.
            dimension: of its vectors.
            centring: of the vectors to come, where there is no snapshot; None for none.
        """
        return cls(
            fingerprint=fingerprint,
            dimension=dimension,
            snapshot=snapshot,
            allowed=snapshot.visible_rows if snapshot else AllowedRows.of(np.zeros(0, dtype=bool)),
            tail_ids=(),
            tail_regions=np.zeros(0, np.int16),
            tail_vectors=np.zeros((0, dimension), dtype=np.float32),
            tail_columns=unknown_rows(0),
            state=snapshot.manifest.state if snapshot else BEGINNING,
            centring=snapshot.centring if snapshot else centring or Centring.none(dimension),
            repeated=snapshot.repeated if snapshot else 0.0,
        )

    @classmethod
    def whole(cls, catalog: Catalog, *, fingerprint: str, dimension: int, centring: Centring | None = None) -> "View":
        """Everything the catalog holds, without a snapshot: every search is exact."""
        empty = cls.of(None, fingerprint=fingerprint, dimension=dimension, centring=centring)
        return empty.following(catalog) or empty  # every catalog has been at its beginning

    @property
    def generation(self) -> str:
        """Names this exact state: model, snapshot, last change."""
        number = self.snapshot.manifest.number if self.snapshot else 0
        return f"{self.fingerprint[:8]}-{number}-{self.state.sequence}"

    @staticmethod
    def snapshot_number(generation: str) -> int:
        """The number of the snapshot in the name of a generation; 0 where there was none."""
        return int(generation.split("-")[1])

    def following(self, catalog: Catalog) -> "View | None":
        """This view, or a newer one that includes every change the catalog has by now.

        Returns:
            None where the catalog was never in this view's state: another one, or an older one, has taken its place.
        """
        if catalog.changes.state() == self.state:
            return self
        since = catalog.changes.since(self.state, fingerprint=self.fingerprint)
        return None if since is None else replace(self._with(since.changes), state=since.state)

    def narrowed(self, rows: Mask, tail: Mask) -> "View":
        """This view with some of its rows only.

        Args:
            rows: [snapshot's size], which of the snapshot's rows may stay; those that are hidden stay so.
            tail: [tail], which of the tail's rows stay.
        """
        places = np.flatnonzero(tail)
        return replace(
            self,
            allowed=AllowedRows.of(self.allowed.mask & rows),
            tail_ids=tuple(self.tail_ids[place] for place in places.tolist()),
            tail_regions=self.tail_regions[places],
            tail_vectors=self.tail_vectors[places],
            tail_columns=self.tail_columns[places],
        )

    def _with(self, changes: Sequence[Change]) -> "View":
        if not changes:
            return self
        allowed = self.allowed.mask.copy()
        changed: dict[str, list[_TailRow]] = {}
        for change, first in zip(changes, self._first_rows(changes), strict=True):
            public = not change.deleted and change.visibility is Visibility.PUBLIC
            if first >= 0 and self.snapshot is not None:
                allowed[first : first + self.snapshot.rows_from(first)] = public
            changed[change.image_id] = self._rows_beside(first, change) if public else []
        return replace(self, allowed=AllowedRows.of(allowed), **self._tail_with(changed))

    def _rows_beside(self, first: int, change: Change) -> list["_TailRow"]:
        """The rows of a changed image that the snapshot does not have; its own rows of the image begin at `first`."""
        if change.vector is None:
            return []
        rows = [_TailRow(WHOLE_IMAGE, change.vector, change.columns)]
        rows += [_TailRow(region, vector, change.columns) for region, vector in change.regions]
        return [row for row in rows if not self._has_region(first, row.region)]

    def _tail_with(self, changed: Mapping[str, list["_TailRow"]]) -> dict[str, Any]:
        """The tail's fields, with those rows in place of what it has of these images."""
        kept = [place for place, image_id in enumerate(self.tail_ids) if image_id not in changed]
        rows = [row for rows in changed.values() for row in rows]
        ids = [self.tail_ids[place] for place in kept]
        ids += [image_id for image_id, rows_of_image in changed.items() for _ in rows_of_image]
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)  # stable: regions stay in order
        at = np.array(kept, dtype=np.int64)
        vectors = np.array([row.vector for row in rows], dtype=np.float32).reshape(len(rows), self.dimension)
        regions = np.array([row.region for row in rows], dtype=np.int16)
        vectors = self.centring.rows(vectors, regions)
        columns = np.array([row.columns for row in rows], dtype=IMAGE_ROW)
        return {
            "tail_ids": tuple(ids[place] for place in order.tolist()),
            "tail_regions": np.concatenate([self.tail_regions[at], regions])[order],
            "tail_vectors": np.concatenate([self.tail_vectors[at], vectors])[order],
            "tail_columns": np.concatenate([self.tail_columns[at], columns])[order],
        }

    def _first_rows(self, changes: Sequence[Change]) -> list[int]:
        """Where the snapshot's rows of each changed image begin; -1 where there are none."""
        if self.snapshot is None:
            return [-1] * len(changes)
        return [int(row) for row in self.snapshot.rows_of([change.image_id for change in changes])]

    def _has_region(self, first: int, region: int) -> bool:
        """Whether the snapshot has a region of the image whose rows begin there."""
        known = self.snapshot if first >= 0 else None
        return known is not None and region in known.regions[first : first + known.rows_from(first)]

    def searched(self, vector: NDArray[np.float32], crop: Box | None = None) -> NDArray[np.float32]:
        """A query's vector as it is compared here, [dimension] float32; see `Centring.query`."""
        return self.centring.query(vector, crop)

    def nearest(self, query: NDArray[np.float32], k: int) -> Candidates:
        """The k public images nearest to a query, each by its nearest region.

        The index proposes, then every proposal is scored again in float64, one row at a time: the order does not
        depend on the backend's rounding, on the number of threads, or on which other queries ran.

        Args:
            query: [dimension] float32, unit length, as `searched` gives it.
            k: images wanted.

        Returns:
            Images with the cosines of centred vectors, and their vectors as the catalog holds them.
        """
        rows = self._snapshot_rows(query, k)
        places = self._tail_places(query, k)
        ids = [*_ids(self.snapshot, rows), *(self.tail_ids[place] for place in places)]
        vectors = _joined(_row_vectors(self.snapshot, rows, self.dimension), self.tail_vectors[places])
        cosines = exact_cosines(query, vectors)
        order = _best_first(cosines, ids)
        if self._has_regions:
            order = _first_of_each(ids, order)
        order = order[:k]
        regions = _joined(_row_regions(self.snapshot, rows), self.tail_regions[places])[order]
        return Candidates(
            image_ids=tuple([ids[place] for place in order.tolist()]),
            cosines=cosines[order],
            vectors=self.centring.restored(_in_order(vectors, order), regions),
            columns=_in_order(_joined(_row_columns(self.snapshot, rows), self.tail_columns[places]), order),
        )

    @property
    def _has_regions(self) -> bool:
        """Whether an image may have several rows."""
        in_snapshot = self.snapshot is not None and self.snapshot.whole_images is not None
        return in_snapshot or bool(np.any(self.tail_regions))

    def picture(self, image_id: str) -> tuple[ImageRow, NDArray[np.float32] | None] | None:
        """What is kept of an image that can be found, and its vector as the catalog holds it, [dimension] float32.

        None where the image is not here. Without the vector where the index has another: a code of it, or a centred
        one.
        """
        row = self.snapshot.row_of(image_id) if self.snapshot else None
        if row is not None and self.snapshot is not None:
            if not self.snapshot.index.keeps_vectors or self.centring.is_on:
                return self.snapshot.columns[row], None
            return self.snapshot.columns[row], self.snapshot.index.vectors(np.array([row]))[0]
        place = bisect_left(self.tail_ids, image_id)
        if place == len(self.tail_ids) or self.tail_ids[place] != image_id or self.tail_regions[place] != WHOLE_IMAGE:
            return None
        return self.tail_columns[place], None if self.centring.is_on else self.tail_vectors[place]

    def holds(self, image_id: str) -> bool:
        """Whether that image can be found."""
        row = self.snapshot.row_of(image_id) if self.snapshot else None
        if row is not None and self.allowed.mask[row]:
            return True
        place = bisect_left(self.tail_ids, image_id)
        return place < len(self.tail_ids) and self.tail_ids[place] == image_id

    @property
    def index(self) -> VectorIndex | None:
        """The snapshot's index."""
        return self.snapshot.index if self.snapshot else None

    def _snapshot_rows(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Rows that the k nearest images are among, where the index finds them."""
        if self.snapshot is None or not self.allowed.count:
            return np.zeros(0, dtype=np.int64)
        unit = query / np.linalg.norm(query)  # float16 has moved its length a little
        wanted = min(k, self.allowed.count)
        while True:
            rows = self.snapshot.index.search(unit[None], wanted, allowed=self.allowed).rows[0]
            found: NDArray[np.int64] = rows[rows >= 0]
            if self.snapshot.whole_images is None or wanted == self.allowed.count:
                return found
            if len(np.unique(self.snapshot.image_ids[found])) >= k:
                return found
            wanted = min(2 * wanted, self.allowed.count)  # several rows were of one image

    def _tail_places(self, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """The places in the tail that can be among the k nearest, with some to spare for rounding."""
        wanted = k + _SPARE
        if len(self.tail_ids) <= wanted or np.any(self.tail_regions):
            return np.arange(len(self.tail_ids))
        return np.argpartition(-(self.tail_vectors @ query), wanted)[:wanted].astype(np.int64)


def _row_vectors(snapshot: Snapshot | None, rows: NDArray[np.int64], dimension: int) -> Vectors:
    return snapshot.index.vectors(rows) if snapshot else np.zeros((0, dimension), dtype=np.float32)


def _row_regions(snapshot: Snapshot | None, rows: NDArray[np.int64]) -> NDArray[np.int16]:
    return snapshot.regions[rows] if snapshot else np.zeros(0, np.int16)


def _row_columns(snapshot: Snapshot | None, rows: NDArray[np.int64]) -> ImageRows:
    return snapshot.columns.take(rows) if snapshot else unknown_rows(0)


def _ids(snapshot: Snapshot | None, rows: NDArray[np.int64]) -> list[str]:
    if snapshot is None or not len(rows):
        return []
    return b"\n".join(snapshot.image_ids[rows].tolist()).decode().split("\n")  # a third of the time of one by one


def _joined(ours: NDArray[Any], tail: NDArray[Any]) -> NDArray[Any]:
    """The tail's rows behind ours. Vectors of hundreds of rows are megabytes: they are not copied for nothing."""
    return np.concatenate([ours, tail]) if len(tail) else ours


def _in_order(rows: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
    """The rows in that order, which is often the one they have."""
    return rows if np.array_equal(order, np.arange(len(rows))) else rows.take(order, axis=0)


def _best_first(cosines: NDArray[np.float64], ids: Sequence[str]) -> NDArray[np.int64]:
    """The order by descending cosines, equal ones by id."""
    order = np.argsort(-cosines, kind="stable")
    ordered = cosines[order]
    equal = ordered[1:] == ordered[:-1]
    if equal.any():  # seldom, and then few: sorting all ids would take longer than all the rest
        tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
        places = order[tied].tolist()
        by_id = sorted(zip((-ordered[tied]).tolist(), [ids[place] for place in places], places, strict=True))
        order[tied] = [place for _, _, place in by_id]
    return order


class _TailRow(NamedTuple):
    """A row on its way into the tail."""

    region: int
    vector: NDArray[np.float32]
    columns: ImageRow


def _first_of_each(ids: Sequence[str], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order without the rows of images that a nearer row stands for."""
    places: dict[str, int] = {}
    for place in order.tolist():
        places.setdefault(ids[place], place)
    return np.array(list(places.values()), dtype=np.int64)
