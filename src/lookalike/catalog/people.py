"""Users."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.records import require_storable, storable_text
from lookalike.catalog.schema import users
from lookalike.errors import CallerError
from lookalike.types import User

_OLDEST = 200


def write_users(changing: Changing, people: Sequence[User]) -> None:
    """Add those users; the description of a known one is replaced."""
    latest = {person.id: asdict(person) for person in people}
    for person in latest.values():
        _require_sense(person)
    known: set[str] = set()
    for chunk in chunks(latest):
        known.update(changing.connection.execute(select(users.c.id).where(users.c.id.in_(chunk))).scalars())
    changing.execute_many(insert(users), [person for key, person in latest.items() if key not in known])
    columns = [name for name in users.c.keys() if name != "id"]  # noqa: SIM118 - a column collection, not a dict
    replaced = update(users).where(users.c.id == bindparam("key"))
    changing.execute_many(
        replaced.values({name: bindparam(f"new_{name}") for name in columns}),
        [{"key": key} | {f"new_{name}": latest[key][name] for name in columns} for key in latest if key in known],
    )


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
