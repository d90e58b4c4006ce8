"""The interface of everything that works on many shards at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shard = TypeVar("Shard")
Made = TypeVar("Made")


class Runner(Protocol):
    """Applies one function to many shards, some at a time."""

    def map(self, work: Callable[[Shard], Made], shards: Iterable[Shard]) -> Iterator[Made]:
        """What the function makes of each shard, in the order of the shards.

        Args:
            work: raises for a shard that stops everything; what is refused alone is a value.
            shards: taken as they are needed: so few results are under way or wait to be taken that memory does not grow
                with the number of shards.

        Returns:
            An iterator. Closing it early, as an exception or Ctrl-C does, drops what has not begun and waits for what
            has.
        """
        ...
