"""Records at hand: what was read of the catalog, for as long as nothing in it changes."""

from lookalike.catalog.records import CatalogState
from lookalike.types import Image

MOST = 20_000  # records, some 20 MB


class RecentImages:
    """Image records by id, valid in one state of the catalog.

    Every change of a record moves the change sequence in the transaction that makes it, so a record that was read in
    the present state, or later, is as good as one read now. Safe to use from many threads.

    Args:
        most: how many records to keep.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: tuple[CatalogState | None, dict[str, Image]] = (None, {})

    def at(self, state: CatalogState) -> dict[str, Image]:
        """What is known in that state, by id."""
        kept_at, known = self._kept
        return known if kept_at == state else {}

    def keep(self, state: CatalogState, images: dict[str, Image]) -> None:
        """Keep records that were read after the catalog was in that state."""
        kept_at, known = self._kept
        if kept_at == state and len(known) + len(images) <= self._most:
            known.update(images)
        elif len(images) <= self._most:
            self._kept = (state, dict(images))
