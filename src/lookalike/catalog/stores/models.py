"""The model that answers, and those that did."""

from datetime import UTC, datetime

from sqlalchemy import insert, select

from lookalike.catalog.database import Database
from lookalike.catalog.records import LiveModel, LiveSince
from lookalike.catalog.schema import live_model, model_history
from lookalike.catalog.upserting import insert_into


class Models:
    """Which model's vectors answer searches, now and before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> LiveModel | None:
        """The model whose vectors answer searches; None before the first."""
        wanted = select(live_model.c.name, live_model.c.fingerprint, live_model.c.dimension)
        with self._database.reading() as connection:
            row = connection.execute(wanted).one_or_none()
            return None if row is None else LiveModel(*row)

    def set_live(self, model: LiveModel, *, because: str = "") -> None:
        """Make it the model that answers, in one step that the history remembers.

        Args:
            model: whose vectors answer from now on.
            because: why, for people.
        """
        values = {"name": model.name, "fingerprint": model.fingerprint, "dimension": model.dimension}
        step = {**values, "since": datetime.now(UTC), "because": because}
        with self._database.writing() as connection:
            added = insert_into(connection, live_model).values({"id": 1, **values})
            connection.execute(added.on_conflict_do_update(index_elements=[live_model.c.id], set_=values))
            connection.execute(insert(model_history).values(step))

    def history(self) -> list[LiveSince]:
        """Every model that became live here, the newest step first."""
        columns = model_history.c
        wanted = select(columns.name, columns.fingerprint, columns.dimension, columns.since, columns.because)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(columns.number.desc())).all()
        return [LiveSince(model=LiveModel(*row[:3]), since=row.since, because=row.because) for row in rows]
