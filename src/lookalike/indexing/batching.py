"""Grouping what comes one by one into what one transaction writes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Made = TypeVar("Made")


def batched_by(size: int, made: Iterable[Made], *, seconds: float, now: Callable[[], float]) -> Iterator[list[Made]]:
    """Group what is made into lists of `size`, or fewer when `seconds` have passed since the last list."""
    batch: list[Made] = []
    started = now()
    for one in made:
        batch.append(one)
        if len(batch) >= size or now() - started >= seconds:
            yield batch
            batch, started = [], now()
    if batch:
        yield batch
