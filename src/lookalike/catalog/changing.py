"""One writing transaction, and the change sequence that it moves.

The counter is one row that every writing transaction locks first. Transactions therefore commit in the order of the
numbers they hand out, on PostgreSQL too: whoever reads the counter as N sees every change up to N and none above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, select, update

from lookalike.catalog.schema import change_counter, images

_T = TypeVar("_T")

CHUNK = 500
"""How many values an IN list gets: well below every database's limit on parameters."""

READ_COUNTER = select(change_counter.c.value)


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The values in pieces that an IN list can hold."""
    everything = list(values)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


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
        """Write the counter, if it moved: the last statement of the transaction."""
        if self._value != self._stored:
            self.connection.execute(update(change_counter).values(value=self._value))
