"""Records at hand: what was read of the catalog, for as long as nothing in it changes."""

from lookalike.types import Image

MOST = 20_000  # records, some 20 MB


class RecentImages:
    """Image records by id, valid at one number of the change sequence.

    Every change of a record moves the sequence in the transaction that makes it, so a record that was read at the
    sequence's present number, or later, is as good as one read now. Safe to use from many threads.

    Args:
        most: how many records to keep.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: tuple[int, dict[str, Image]] = (-1, {})

    def at(self, sequence: int) -> dict[str, Image]:
        """What is known at that number, by id."""
        number, known = self._kept
        return known if number == sequence else {}

    def keep(self, sequence: int, images: dict[str, Image]) -> None:
        """Keep records that were read after the sequence had that number."""
        number, known = self._kept
        if number == sequence and len(known) + len(images) <= self._most:
            known.update(images)
        elif len(images) <= self._most:
            self._kept = (sequence, dict(images))
