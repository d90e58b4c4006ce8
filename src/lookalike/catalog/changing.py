"""One writing transaction, and the change sequence that it moves.

The counter is one row that every writing transaction locks first. Transactions therefore commit in the order of the
numbers they hand out, on PostgreSQL too: whoever reads the counter as N sees every change up to N and none above it.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, true, update

from lookalike.catalog.records import CatalogState
from lookalike.catalog.schema import change_counter, images, library, lineage

_T = TypeVar("_T")

CHUNK = 500
"""How many values an IN list gets: well below every database's limit on parameters."""

READ_COUNTER = select(change_counter.c.value)

READ_STATE = select(library.c.library_id, change_counter.c.value, lineage.c.token).select_from(
    change_counter.join(library, true()).outerjoin(lineage, lineage.c.sequence == change_counter.c.value)
)


def as_state(row: Sequence[Any]) -> CatalogState:
    """The row that `READ_STATE` finds."""
    library_id, sequence, token = row
    return CatalogState(library_id, sequence, token or "")


def is_past(connection: Connection, state: CatalogState) -> bool:
    """Whether the catalog has been in that state: it is the one it is in, or one that it came from."""
    if state.sequence == 0:
        return True
    same = (lineage.c.sequence == state.sequence) & (lineage.c.token == state.token)
    ours = exists().where(library.c.library_id == state.library_id)
    return bool(connection.execute(select(exists().where(same) & ours)).scalar_one())


def chunks(values: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    """The values in pieces: such that an IN list can hold, where no other size is given."""
    everything = list(values)
    for start in range(0, len(everything), size):
        yield everything[start : start + size]


class Changing:
    """A writing transaction that holds the lock on the change counter."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._stored = connection.execute(READ_COUNTER.with_for_update()).scalar_one()
        self._value = self._stored

    def take(self, count: int) -> range:
        """The next `count` sequence numbers: each changed image gets one of its own."""
        first = self._value + 1
        self._value += count
        return range(first, first + count)

    def touch(self, image_ids: Iterable[str]) -> None:
        """Give those live images new sequence numbers, in the order of their ids."""
        ordered = sorted(set(image_ids))
        self.execute_many(
            update(images).where(images.c.id == bindparam("touched")).values(sequence=bindparam("number")),
            [
                {"touched": image_id, "number": number}
                for image_id, number in zip(ordered, self.take(len(ordered)), strict=True)
            ],
        )

    def execute_many(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
        """Run the statement once for each row; nothing where there are none."""
        if rows:
            self.connection.execute(statement, rows)

    def finish(self) -> None:
        """Write the counter and its token, if it moved: the last statements of the transaction."""
        if self._value != self._stored:
            self.connection.execute(update(change_counter).values(value=self._value))
            # A counter that was set back by hand must not stop every later write.
            self.connection.execute(delete(lineage).where(lineage.c.sequence > self._stored))
            self.connection.execute(insert(lineage).values(sequence=self._value, token=secrets.token_hex(8)))
