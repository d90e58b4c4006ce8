"""Pairs that wait for a grade."""

from collections.abc import Sequence

from lookalike.catalog import grading_queue
from lookalike.catalog.database import Database
from lookalike.catalog.grading_queue import QueuedPair


class GradingQueue:
    """Which pairs of a query and an image somebody should grade next, for each judgement set."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fill(self, judgement_set: str, pairs: Sequence[QueuedPair]) -> None:
        """Let these pairs wait for a grade of that set, in place of those that waited.

        Raises:
            CallerError: a pair names something that is no image's id, or the name of the set is not text.
        """
        with self._database.writing() as connection:
            grading_queue.write_queue(connection, judgement_set, pairs)

    def waiting(self, judgement_set: str, *, limit: int = 1_000) -> list[QueuedPair]:
        """Pairs without a grade in that set, in the order in which they are to be graded."""
        with self._database.reading() as connection:
            return grading_queue.read_queue(connection, judgement_set, limit)

    def count(self, judgement_set: str) -> int:
        """How many pairs wait."""
        with self._database.reading() as connection:
            return grading_queue.count_queue(connection, judgement_set)
