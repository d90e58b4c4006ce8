"""Users, and the grades people gave."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from lookalike.catalog.changing import Changing, chunks
from lookalike.catalog.records import is_image_id, require_storable, storable_text
from lookalike.catalog.schema import grades, users
from lookalike.errors import CallerError
from lookalike.types import Grade, User

_MOST_GRADE = 5
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


def write_grades(changing: Changing, given: Sequence[Grade]) -> None:
    """Add those grades; one by the same person from the same source about the same two images is replaced."""
    latest: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for grade in given:
        row = _grade_row(grade)
        latest[row["query_image_id"], row["image_id"], row["user_id"], row["source"]] = row
    columns = ("query_image_id", "image_id", "user_id", "source")
    same = delete(grades).where(*(grades.c[name] == bindparam(f"old_{name}") for name in columns))
    changing.execute_many(same, [{f"old_{name}": row[name] for name in columns} for row in latest.values()])
    changing.execute_many(insert(grades), list(latest.values()))


def _grade_row(grade: Grade) -> dict[str, Any]:
    if not (is_image_id(grade.query_image_id) and is_image_id(grade.image_id)):
        raise CallerError(f"grade of {grade.image_id[:64]!a} for {grade.query_image_id[:64]!a}: not image ids")
    if not 0 <= grade.grade <= _MOST_GRADE:
        raise CallerError(f"grade {grade.grade} of {grade.image_id} is not from 0 to {_MOST_GRADE}")
    require_storable("user_id", grade.user_id)
    require_storable("source", grade.source)
    return asdict(grade) | {"user_id": grade.user_id or ""}


def read_grades(connection: Connection, query_image_id: str | None) -> list[Grade]:
    """Grades for one query image, or all, in the order of their ids."""
    statement = select(grades).order_by(grades.c.query_image_id, grades.c.image_id, grades.c.user_id, grades.c.source)
    if query_image_id is not None:
        if not is_image_id(query_image_id):
            return []
        statement = statement.where(grades.c.query_image_id == query_image_id)
    return [_grade(row) for row in connection.execute(statement)]


def _grade(row: Row[Any]) -> Grade:
    return Grade(**(row._asdict() | {"user_id": row.user_id or None}))
