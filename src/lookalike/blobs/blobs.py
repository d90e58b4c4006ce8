"""The interface of every store of bytes."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol


class Blobs(Protocol):
    """Bytes by their content id. They appear whole or not at all, and are never changed, only removed.

    Whether bytes *should* be there is the catalog's to say; bytes it has no record of are orphans. There are two kinds.
    A put that was interrupted left a mark, `incoming`, and nobody was told that its bytes are stored. Any others are of
    a record that this catalog does not know: an older one may have been put in place. Neither is deleted at once:
    whoever keeps the records notes since when bytes have been orphans, and removes them after a time. An orphan whose
    record comes back is one no more.
    """

    def put(self, blob_id: str, content: bytes) -> None:
        """Keep the bytes; they survive a cut of power when it returns. They are marked as incoming until `settle`.

        Raises:
            StorageFailed: full, read-only or failing; no part of the bytes is left.
        """
        ...

    def get(self, blob_id: str) -> bytes:
        """The bytes.

        Raises:
            OSError: they are not there, as FileNotFoundError, or cannot be read.
        """
        ...

    def open(self, blob_id: str) -> BinaryIO:
        """The bytes as a file, which the caller closes.

        Raises:
            OSError: as for `get`.
        """
        ...

    def has(self, blob_id: str) -> bool:
        """Whether the bytes are there."""
        ...

    def remove(self, blob_id: str) -> None:
        """Remove the bytes for good, if they are there, and what was noted of them.

        Raises:
            StorageFailed: read-only or failing.
        """
        ...

    def ids(self) -> Iterator[str]:
        """The ids of all that is kept, in no order; also names that are no id, where something else lies there."""
        ...

    def place(self, blob_id: str) -> str:
        """Where the bytes of that id are, or would be, for people to read."""
        ...

    def settle(self, blob_ids: Iterable[str]) -> None:
        """There is a record of these, or their bytes are gone: they are not incoming any more."""
        ...

    def incoming(self) -> set[str]:
        """The ids of all puts that began and were not settled."""
        ...

    def incoming_for(self, blob_id: str) -> float | None:
        """Seconds since a put of it began that was not settled: it runs now, or was killed. None for no such."""
        ...

    def orphan(self, blob_id: str) -> None:
        """Note that the bytes have no record from now on.

        Raises:
            StorageFailed: read-only or failing.
        """
        ...

    def not_orphan(self, blob_id: str) -> None:
        """The bytes have a record, or are gone."""
        ...

    def orphans(self) -> dict[str, float]:
        """For how many seconds bytes have been without a record, by id."""
        ...

    def remove_abandoned_parts(self) -> int:
        """Remove what writers that were killed left half-written more than an hour ago; how many parts that were."""
        ...
