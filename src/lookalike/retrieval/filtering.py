"""What can be searched under filters: a view of which only those images are left that meet them.

The view's mask and tail become smaller, and everything behind them stays as it is: the index searches under the mask,
so that the k nearest of the images that meet the filters are found, however few those are.
"""

import threading
from dataclasses import dataclass, replace

import numpy as np
from cachetools import LRUCache

from lookalike.catalog import Catalog
from lookalike.retrieval.colours import show_colour
from lookalike.retrieval.facts import FactsTable
from lookalike.retrieval.filters import Filters
from lookalike.retrieval.live import Live
from lookalike.retrieval.view import View
from lookalike.snapshot import Snapshot
from lookalike.types import Mask

_KEPT_VIEWS = 32
_KEPT_COLOURS = 16
_ID_TYPE = np.dtype("S32")


@dataclass(frozen=True, slots=True, eq=False)
class _Narrowed:
    """A view under filters, and what it was made from: it holds as long as none of that is replaced."""

    whole: View
    facts: FactsTable
    view: View


class FilteredViews:
    """Narrows views to the images that meet filters. Safe to use from many threads.

    The facts are read when a filter is first used, and follow the catalog from then on. The last views are kept, so
    that a filter that is asked with again costs nothing while nothing changes.

    Args:
        catalog: knows the facts, and what is in collections.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._facts: FactsTable | None = None
        self._lock = threading.Lock()
        self._views: LRUCache[tuple[Filters, str], _Narrowed] = LRUCache(_KEPT_VIEWS)
        self._colours: LRUCache[tuple[int, str, int], tuple[Snapshot, Mask]] = LRUCache(_KEPT_COLOURS)

    def narrowed(self, live: Live, filters: Filters) -> Live:
        """What answers, with only those images that meet the filters now.

        Args:
            live: what answers, with every change of the catalog so far.
            filters: the conditions.

        Raises:
            CallerError: there is no collection of that name.
        """
        if not filters.asks:
            return live
        version, members = "", None
        if filters.collection is not None:
            version = self._catalog.collections.version(filters.collection)
        facts = self._followed()
        with self._lock:
            kept = self._views.get((filters, version))
        if kept is not None and kept.whole is live.view and kept.facts is facts:
            return replace(live, view=kept.view)
        if filters.collection is not None:
            members = self._catalog.collections.members(filters.collection)
        view = self._view(live.view, facts, filters, facts.meeting(filters, members))
        with self._lock:
            self._views[filters, version] = _Narrowed(live.view, facts, view)
        return replace(live, view=view)

    def _followed(self) -> FactsTable:
        with self._lock:
            facts = FactsTable.read(self._catalog) if self._facts is None else self._facts.following(self._catalog)
            self._facts = facts
            return facts

    def _view(self, whole: View, facts: FactsTable, filters: Filters, meeting: Mask) -> View:
        rows = np.zeros(0, bool)
        snapshot = whole.snapshot
        if snapshot is not None:
            rows = _at(meeting, facts.rows_of(snapshot.image_ids, snapshot=snapshot))
        tail = _at(meeting, facts.rows_of(np.array(whole.tail_ids, _ID_TYPE)))
        if filters.colour is not None:
            if snapshot is not None:
                rows &= self._with_colour(snapshot, filters.colour, filters.colour_distance)
            tail &= show_colour(whole.tail_columns["colour_signature"], filters.colour, filters.colour_distance)
        return whole.narrowed(rows, tail)

    def _with_colour(self, snapshot: Snapshot, colour: str, distance: int) -> Mask:
        """[size] bool, which rows of a snapshot show a colour."""
        key = (id(snapshot), colour, distance)
        with self._lock:
            kept = self._colours.get(key)
        if kept is not None and kept[0] is snapshot:
            return kept[1]
        shown = show_colour(snapshot.columns["colour_signature"], colour, distance)
        with self._lock:
            self._colours[key] = (snapshot, shown)
        return shown


def _at(meeting: Mask, rows: np.ndarray) -> Mask:
    """Which of these rows are there and meet the conditions."""
    if not len(meeting):
        return np.zeros(len(rows), bool)
    mask: Mask = (rows >= 0) & meeting[rows]
    return mask
