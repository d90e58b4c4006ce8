"""Pairs that wait for a grade."""

from collections.abc import Sequence

from lookalike.catalog import grading_queue
from lookalike.catalog.database import Database
from lookalike.catalog.grading_queue import QueuedPair, QueueProgress
from lookalike.types import Box


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

    def next_for(self, judgement_set: str, grader: str, *, unshared: bool = False, limit: int = 20) -> list[QueuedPair]:
        """Pairs of public images that a grader has not graded, nor anybody adjudicated, in their order.

        Args:
            judgement_set: where the grades go.
            grader: who asks.
            unshared: leave out what anybody has graded, so that graders share the work.
            limit: pairs.
        """
        with self._database.reading() as connection:
            return grading_queue.read_next(connection, judgement_set, grader=grader, unshared=unshared, limit=limit)

    def progress(self, grader: str = "") -> list[QueueProgress]:
        """How far each queue is, by the name of its judgement set."""
        with self._database.reading() as connection:
            return grading_queue.read_progress(connection, grader=grader)

    def find(
        self, judgement_set: str, query_image_id: str, image_id: str, crop: Box | None = None
    ) -> QueuedPair | None:
        """A queued pair of public images, whether or not it is graded; None where there is none."""
        with self._database.reading() as connection:
            return grading_queue.read_pair(connection, judgement_set, query_image_id, crop, image_id)
