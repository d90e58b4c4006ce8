"""Grades that people gave, in named sets."""

from collections.abc import Sequence

from lookalike.catalog import grades
from lookalike.catalog.database import Database
from lookalike.catalog.grades import JudgementSet
from lookalike.catalog.records import require_storable
from lookalike.types import Grade


class Judgements:
    """Grades from 0 to 5 of images for query images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, given: Sequence[Grade], *, rule: str | None = None) -> None:
        """Add grades, all or none, making the judgement sets they name.

        One by the same person from the same source about the same query and image replaces the older one.

        Args:
            given: the grades.
            rule: how they came to be, in words; kept with every set they name.

        Raises:
            CallerError: a grade is not from 0 to 5, an id is not an image's, or a name is not text.
        """
        with self._database.writing() as connection:
            grades.write_grades(connection, given, rule=rule)

    def make(self, name: str, *, rule: str) -> None:
        """Make an empty set, or change the rule of one that is there.

        Raises:
            CallerError: the name is not text.
        """
        require_storable("judgement_set", name)
        with self._database.writing() as connection:
            grades.make_sets(connection, [name], rule)

    def grades(self, query_image_id: str | None = None, *, judgement_set: str | None = None) -> list[Grade]:
        """Grades for one query image, or of one set, or all."""
        with self._database.reading() as connection:
            return grades.read_grades(connection, query_image_id, judgement_set)

    def settled(self, *, judgement_set: str | None = None) -> list[Grade]:
        """Grades of one set, or of all, that count: an adjudicated pair has the adjudicator's grade only.

        Of all sets, those with the rule `REVIEWS` are left out: their answers are no grades.
        """
        found = grades.settled(self.grades(judgement_set=judgement_set))
        if judgement_set is not None:
            return found
        reviews = {one.name for one in self.sets() if one.rule == grades.REVIEWS}
        return [one for one in found if one.judgement_set not in reviews]

    def take_back(self, given: Grade) -> bool:
        """Remove what somebody said of a pair, from the same source, whatever the grade was; whether there was any.

        Raises:
            CallerError: an id is not an image's, or a name is not text.
        """
        with self._database.writing() as connection:
            return grades.remove_grade(connection, given)

    def sets(self) -> list[JudgementSet]:
        """What sets of grades there are, by name."""
        with self._database.reading() as connection:
            return grades.read_judgement_sets(connection)

    def remove_set(self, name: str) -> int:
        """Drop a set of grades; how many there were.

        Raises:
            CallerError: there is no set of that name.
        """
        with self._database.writing() as connection:
            return grades.remove_judgement_set(connection, name)
