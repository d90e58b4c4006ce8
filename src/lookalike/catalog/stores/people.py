"""Users."""

from collections.abc import Sequence

from lookalike.catalog import people
from lookalike.catalog.database import Database
from lookalike.types import User


class People:
    """The users of the library, as far as they are described."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, users: Sequence[User]) -> None:
        """Add users, or replace what is known of them.

        Raises:
            CallerError: a value is not text, or the age makes no sense.
        """
        with self._database.writing() as connection:
            people.write_users(connection, users)

    def get(self, user_id: str) -> User | None:
        """The user of that id."""
        with self._database.reading() as connection:
            return people.read_user(connection, user_id)
