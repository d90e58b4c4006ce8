"""Users."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from lookalike.catalog.records import require_storable, storable_text
from lookalike.catalog.schema import users
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError
from lookalike.types import User

_OLDEST = 200


def write_users(connection: Connection, people: Sequence[User]) -> None:
    """Add those users; the description of a known one is replaced."""
    latest = {person.id: asdict(person) for person in people}
    for person in latest.values():
        _require_sense(person)
    added = insert_into(connection, users)
    described = {column.name: added.excluded[column.name] for column in users.c if column.name != "id"}
    if latest:  # in the order of their ids, so that two writers do not wait for each other
        written = added.on_conflict_do_update(index_elements=[users.c.id], set_=described)
        connection.execute(written, [latest[key] for key in sorted(latest)])


def _require_sense(person: dict[str, Any]) -> None:
    for name, value in person.items():
        if isinstance(value, str):
            require_storable(f"user's {name}", value)
    if person["age"] is not None and not 0 <= person["age"] <= _OLDEST:
        raise CallerError(f"user {person['id']!a}: age {person['age']} is not from 0 to {_OLDEST}")


def read_user(connection: Connection, user_id: str) -> User | None:
    """The user of that id."""
    if not storable_text(user_id):
        return None
    row = connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
    return None if row is None else User(**row._asdict())
