"""Experiments on live queries."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lookalike.catalog import experiments
from lookalike.catalog.database import Database
from lookalike.catalog.experiments import Assignment, Experiment, Outcome
from lookalike.catalog.records import require_storable


class Experiments:
    """Which experiment runs, which ones ran, and what their queries led to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, experiment: Experiment) -> None:
        """Begin an experiment; every process that serves the library follows within a second.

        Raises:
            CallerError: another one is running, there was one of that name, or its name is not text.
        """
        require_storable("name", experiment.name)
        with self._database.writing() as connection:
            experiments.write_start(connection, experiment)

    def stop(self, name: str, *, reason: str, at: datetime | None = None) -> None:
        """End an experiment; its queries and their outcomes stay.

        Raises:
            CallerError: none of that name is running.
        """
        require_storable("name", name)
        with self._database.writing() as connection:
            experiments.write_stop(connection, name, at=at or datetime.now(UTC), reason=reason)

    def running(self) -> Experiment | None:
        """The experiment that runs now; there is one at most."""
        with self._database.reading() as connection:
            return experiments.read_running(connection)

    def all(self) -> list[Experiment]:
        """Every experiment, the latest first."""
        with self._database.reading() as connection:
            return experiments.read_experiments(connection)

    def assign(self, assignments: Sequence[Assignment]) -> None:
        """Keep how queries that are written down took part. Does not wait for the disk, as queries do not."""
        with self._database.writing(flushed=False) as connection:
            experiments.write_assignments(connection, assignments)

    def outcomes(self, name: str) -> list[Outcome]:
        """Every kept query of an experiment with what people did, in the order of query ids."""
        with self._database.reading() as connection:
            return experiments.read_outcomes(connection, name)

    def arms(self, *, since: datetime, until: datetime) -> dict[str, str]:
        """Query id -> `experiment: arm`, of the experiments that ran in a period."""
        with self._database.reading() as connection:
            return experiments.read_arms(connection, since=since, until=until)
