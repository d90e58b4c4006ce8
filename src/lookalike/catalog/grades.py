"""Judgement sets: the grades people gave, under a name and with the rule by which they came to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, distinct, func, select

from lookalike.catalog.records import is_image_id, require_storable, storable_text
from lookalike.catalog.schema import grades, judgement_sets
from lookalike.catalog.upserting import insert_into
from lookalike.errors import CallerError, CropRefused
from lookalike.types import Box, Grade

_MOST_GRADE = 5
ADJUDICATION = "adjudication"
"""Source of a grade that settles what graders disagreed on."""
REVIEWS = "answers to clicked pairs: 1 is yes, 0 is no"
"""Rule of a set that holds no grades but answers of people who reviewed clicks."""
_KEY = ("set_name", "query_image_id", "crop", "image_id", "user_id", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementSet:
    """A named collection of grades.

    Attributes:
        name: of the set.
        rule: how the grades came to be, in words; "" when people just gave them.
        created_at: when the set was made.
        grades: how many there are.
        queries: how many images, or parts of images, they are for.
        graders: how many different people are named.
    """

    name: str
    rule: str
    created_at: datetime
    grades: int
    queries: int
    graders: int


def write_grades(connection: Connection, given: Sequence[Grade], *, rule: str | None) -> None:
    """Add those grades, making the sets they name.

    One by the same person from the same source about the same query and image replaces the older one. A `rule` becomes
    that of every set named.
    """
    latest = {tuple(row[name] for name in _KEY): row for row in map(_grade_row, given)}
    if not latest:
        return
    make_sets(connection, sorted({row["set_name"] for row in latest.values()}), rule)
    added = insert_into(connection, grades)
    replaced = {name: added.excluded[name] for name in ("grade", "at")}
    written = added.on_conflict_do_update(index_elements=[grades.c[name] for name in _KEY], set_=replaced)
    # in the order of their keys, so that two writers do not wait for each other
    connection.execute(written, [latest[key] for key in sorted(latest)])


def make_sets(connection: Connection, names: Sequence[str], rule: str | None) -> None:
    """Make the sets that are not there yet; a `rule` becomes that of all of them."""
    now = datetime.now(UTC)
    added = insert_into(connection, judgement_sets)
    key = [judgement_sets.c.name]
    made = (
        added.on_conflict_do_nothing(index_elements=key)
        if rule is None
        else added.on_conflict_do_update(index_elements=key, set_={"rule": added.excluded.rule})
    )
    connection.execute(made, [{"name": name, "rule": rule or "", "created_at": now} for name in names])


def _grade_row(grade: Grade) -> dict[str, Any]:
    if not (is_image_id(grade.query_image_id) and is_image_id(grade.image_id)):
        raise CallerError(f"grade of {grade.image_id[:64]!a} for {grade.query_image_id[:64]!a}: not image ids")
    if not 0 <= grade.grade <= _MOST_GRADE:
        raise CallerError(f"grade {grade.grade} of {grade.image_id} is not from 0 to {_MOST_GRADE}")
    if grade.crop is not None and grade.crop.unit != "fraction":
        raise CropRefused(f"crop {grade.crop.values} of a grade is in pixels; it is kept in fractions of the image")
    require_storable("user_id", grade.user_id)
    require_storable("source", grade.source)
    require_storable("judgement_set", grade.judgement_set)
    if not grade.judgement_set.strip():
        raise CallerError("a judgement set needs a name")
    return {
        "set_name": grade.judgement_set,
        "query_image_id": grade.query_image_id,
        "crop": crop_key(grade.crop),
        "image_id": grade.image_id,
        "user_id": grade.user_id or "",
        "source": grade.source,
        "grade": grade.grade,
        "at": grade.at,
    }


def read_grades(connection: Connection, query_image_id: str | None, judgement_set: str | None) -> list[Grade]:
    """Grades for one query image, or of one set, or all, in the order of their keys."""
    statement = select(grades).order_by(*(grades.c[name] for name in _KEY))
    if query_image_id is not None:
        if not is_image_id(query_image_id):
            return []
        statement = statement.where(grades.c.query_image_id == query_image_id)
    if judgement_set is not None:
        if not storable_text(judgement_set):
            return []
        statement = statement.where(grades.c.set_name == judgement_set)
    return [_grade(row) for row in connection.execute(statement)]


def remove_grade(connection: Connection, given: Grade) -> bool:
    """Take back what somebody said of a pair, whatever the grade was; whether there was anything."""
    row = _grade_row(given)
    key = [grades.c[name] == row[name] for name in _KEY]
    return bool(connection.execute(delete(grades).where(*key)).rowcount)


def settled(given: Sequence[Grade]) -> list[Grade]:
    """The grades that count: where somebody adjudicated a pair, the grades that were adjudicated do not."""

    def pair(grade: Grade) -> tuple[str, str, str, str]:
        return grade.judgement_set, grade.query_image_id, crop_key(grade.crop), grade.image_id

    decided = {pair(grade) for grade in given if grade.source == ADJUDICATION}
    return [grade for grade in given if grade.source == ADJUDICATION or pair(grade) not in decided]


def read_judgement_sets(connection: Connection) -> list[JudgementSet]:
    """Every set by name."""
    statement = (
        select(
            judgement_sets,
            func.count(grades.c.grade).label("grades"),
            func.count(distinct(grades.c.query_image_id + " " + grades.c.crop)).label("queries"),
            func.count(distinct(func.nullif(grades.c.user_id, ""))).label("graders"),
        )
        .outerjoin(grades, grades.c.set_name == judgement_sets.c.name)
        .group_by(judgement_sets.c.name, judgement_sets.c.rule, judgement_sets.c.created_at)
        .order_by(judgement_sets.c.name)
    )
    return [JudgementSet(**row._asdict()) for row in connection.execute(statement)]


def remove_judgement_set(connection: Connection, name: str) -> int:
    """Drop a set with its grades; how many those were.

    Raises:
        CallerError: there is none of that name.
    """
    known = (
        storable_text(name)
        and connection.execute(
            select(judgement_sets.c.name).where(judgement_sets.c.name == name).with_for_update()
        ).one_or_none()
    )
    if not known:
        raise CallerError(f"there is no judgement set {name!a} in this library")
    removed = connection.execute(delete(grades).where(grades.c.set_name == name)).rowcount
    connection.execute(delete(judgement_sets).where(judgement_sets.c.name == name))
    return removed


def _grade(row: Row[Any]) -> Grade:
    values = row._asdict()
    return Grade(
        judgement_set=values.pop("set_name"),
        crop=crop_of(values.pop("crop")),
        user_id=values.pop("user_id") or None,
        **values,
    )


def crop_key(crop: Box | None) -> str:
    """A crop in fractions as it is stored in keys; "" for the whole image."""
    return "" if crop is None else ",".join(map(repr, crop.values))


def crop_of(key: str) -> Box | None:
    """The crop that was stored."""
    return Box.parse(key, unit="fraction") if key else None
