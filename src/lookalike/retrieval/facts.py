"""What filters look at, in memory: facts of all images as columns, which follow the catalog."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import BEGINNING, Catalog, CatalogState, ImageFacts
from lookalike.retrieval.filters import Filters, Orientation
from lookalike.snapshot import Snapshot
from lookalike.types import Mask, Rows

_NOBODY = -1
_FEW = 1_000  # changed images that are always kept beside the others
_SHARE = 8  # of the images, one in so many may have changed before all are read again
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_TYPE = np.dtype("S32")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactsTable:
    """Facts of images in rows: those that were read first in order of id, behind them those that changed since.

    An image that changed has a newer row; its older one is not looked at any more. About 40 bytes an image, and 12 a
    tag. Immutable.

    Attributes:
        state: of the catalog, which this includes.
        base_ids: [base] S32, ascending: what the first rows are of.
        newer_ids: [newer] S32, ascending: images with a row behind those.
        newer_rows: [newer] int64, that row.
        widths: [rows] int32.
        heights: [rows] int32.
        uploaded: [rows] int64, microseconds since 1970 UTC.
        owners: [rows] int32, a number for each owner.
        tagged: [tags] int64, rows that have a tag.
        tags: [tags] int32, a number for each tag.
        numbers: of owners and tags, by name; grows only.
        places: rows of a snapshot's images among the first rows, by the snapshot.
    """

    state: CatalogState
    base_ids: NDArray[np.bytes_]
    newer_ids: NDArray[np.bytes_]
    newer_rows: Rows
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    uploaded: NDArray[np.int64]
    owners: NDArray[np.int32]
    tagged: Rows
    tags: NDArray[np.int32]
    numbers: dict[str, int]
    places: "WeakKeyDictionary[Snapshot, Rows]" = field(default_factory=WeakKeyDictionary)

    @classmethod
    def read(cls, catalog: Catalog) -> "FactsTable":
        """The facts of all live images; about a second for 300,000."""
        facts = catalog.changes.facts(BEGINNING)
        if facts is None:
            raise ValueError("every catalog has been at its beginning")
        numbers: dict[str, int] = {}
        return cls(
            state=facts.state,
            base_ids=facts.image_ids,
            newer_ids=np.zeros(0, _ID_TYPE),
            newer_rows=np.zeros(0, np.int64),
            widths=facts.widths,
            heights=facts.heights,
            uploaded=facts.uploaded,
            owners=_numbered(facts.owners, numbers),
            tagged=facts.tagged,
            tags=_numbered(facts.tags, numbers),
            numbers=numbers,
        )

    def following(self, catalog: Catalog) -> "FactsTable":
        """This table, or a newer one that includes every change the catalog has by now."""
        if catalog.changes.state() == self.state:
            return self
        facts = catalog.changes.facts(self.state)
        if facts is None or len(self.newer_ids) + len(facts) > max(_FEW, len(self.base_ids) // _SHARE):
            return FactsTable.read(catalog)
        return self._with(facts)

    def _with(self, facts: ImageFacts) -> "FactsTable":
        first = len(self.widths)
        new_rows = np.arange(first, first + len(facts), dtype=np.int64)
        stay = ~np.isin(self.newer_ids, facts.image_ids)
        newer_ids = np.concatenate([self.newer_ids[stay], facts.image_ids])
        newer_rows = np.concatenate([self.newer_rows[stay], new_rows])
        order = np.argsort(newer_ids)
        return FactsTable(
            state=facts.state,
            base_ids=self.base_ids,
            newer_ids=newer_ids[order],
            newer_rows=newer_rows[order],
            widths=np.concatenate([self.widths, facts.widths]),
            heights=np.concatenate([self.heights, facts.heights]),
            uploaded=np.concatenate([self.uploaded, facts.uploaded]),
            owners=np.concatenate([self.owners, _numbered(facts.owners, self.numbers)]),
            tagged=np.concatenate([self.tagged, facts.tagged + first]),
            tags=np.concatenate([self.tags, _numbered(facts.tags, self.numbers)]),
            numbers=self.numbers,
            places=self.places,
        )

    def rows_of(self, image_ids: NDArray[np.bytes_], *, snapshot: Snapshot | None = None) -> Rows:
        """The rows of images, [n] int64; -1 for those that are not known.

        Args:
            image_ids: [n] S32, ascending.
            snapshot: that they are the ids of, if they are: then looking them up again costs little.
        """
        rows = self.places.get(snapshot) if snapshot is not None else None
        if rows is None:
            rows = _found(self.base_ids, image_ids)
            if snapshot is not None:
                self.places[snapshot] = rows
        if not len(self.newer_ids):
            return rows
        rows = rows.copy()
        begins = np.searchsorted(image_ids, self.newer_ids, side="left")
        counts = np.searchsorted(image_ids, self.newer_ids, side="right") - begins
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows[np.repeat(begins, counts) + within] = np.repeat(self.newer_rows, counts)
        return rows

    def meeting(self, filters: Filters, members: Iterable[str] | None) -> Mask:
        """[rows] bool, which rows meet the conditions, but for colour.

        Args:
            filters: the conditions.
            members: ids of the images in the filters' collection; None where they name none.
        """
        mask = np.ones(len(self.widths), bool)
        if filters.owner is not None:
            mask &= self.owners == self.numbers.get(filters.owner, len(self.numbers))
        self._meet_tags(filters, mask)
        if filters.uploaded_from is not None:
            mask &= self.uploaded >= _microseconds(filters.uploaded_from)
        if filters.uploaded_to is not None:
            mask &= self.uploaded < _microseconds(filters.uploaded_to)
        self._meet_sizes(filters, mask)
        if members is not None:
            among = np.zeros(len(mask), bool)
            rows = self.rows_of(np.array(sorted(members), _ID_TYPE))
            among[rows[rows >= 0]] = True
            mask &= among
        return mask

    def _meet_tags(self, filters: Filters, mask: Mask) -> None:
        if filters.any_tags:
            mask &= self._tagged_with(filters.any_tags)
        if filters.no_tags:
            mask &= ~self._tagged_with(filters.no_tags)
        for tag in filters.all_tags:
            mask &= self._tagged_with([tag])

    def _tagged_with(self, tags: Iterable[str]) -> Mask:
        """[rows], which have at least one of the tags."""
        wanted = [self.numbers[tag] for tag in tags if tag in self.numbers]
        mask = np.zeros(len(self.widths), bool)
        mask[self.tagged[np.isin(self.tags, wanted)]] = True
        return mask

    def _meet_sizes(self, filters: Filters, mask: Mask) -> None:
        for values, least, most in (
            (self.widths, filters.min_width, filters.max_width),
            (self.heights, filters.min_height, filters.max_height),
        ):
            if least is not None:
                mask &= values >= least
            if most is not None:
                mask &= values <= most
        if filters.orientation is not None:
            mask &= _SHAPES[filters.orientation](self.widths, self.heights)


_SHAPES: Mapping[Orientation, np.ufunc] = {
    Orientation.LANDSCAPE: np.greater,
    Orientation.PORTRAIT: np.less,
    Orientation.SQUARE: np.equal,
}


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _found(sorted_ids: NDArray[np.bytes_], wanted: NDArray[np.bytes_]) -> Rows:
    """Where each wanted id is among ascending ones; -1 where it is not."""
    if not len(sorted_ids):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return np.where(sorted_ids[places] == wanted, places, -1)


def _numbered(names: Iterable[str | None], numbers: dict[str, int]) -> NDArray[np.int32]:
    """A number for each name, the same one for the same name; names that are new get the next ones."""
    return np.array([_NOBODY if name is None else numbers.setdefault(name, len(numbers)) for name in names], np.int32)
