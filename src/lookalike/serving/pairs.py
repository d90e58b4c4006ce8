"""What `/v1/grading` takes and gives."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from lookalike.catalog import QueueProgress
from lookalike.library.grading import CLICKS, GivenGrade, GraderAgreement, PairToGrade
from lookalike.serving.wire import CropBox, ImageRecord, Wire

MOST_PAIRS = 100

Grader = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""The name that a person grades under."""

_ImageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class QueueRecord(Wire):
    """How far the grading for a judgement set is. Only pairs of public images count."""

    judgement_set: str
    pairs: int = Field(description="Pairs that were queued.")
    graded: int = Field(description="Of them, those that anybody graded.")
    own: int = Field(description="Of them, those that this grader graded, or that were adjudicated.")
    strategies: tuple[str, ...] = Field(description="Why pairs were chosen; `click-...` are clicks that look wrong.")

    @classmethod
    def of(cls, found: QueueProgress) -> Self:
        """As the catalog knows it."""
        return cls(
            judgement_set=found.judgement_set,
            pairs=found.pairs,
            graded=found.graded,
            own=found.own,
            strategies=found.strategies,
        )


class QueueList(Wire):
    """Every queue, by the name of its judgement set."""

    queues: tuple[QueueRecord, ...]


class PairRecord(Wire):
    """A pair to grade."""

    query: ImageRecord
    crop: CropBox | None = Field(description="The part of the query image that is the query, in fractions of it.")
    image: ImageRecord
    strategy: str = Field(description="Why it was chosen.")
    asks: Literal["grade", "yes-or-no"] = Field(
        description="`yes-or-no`: a click that looks wrong; send the grade 1 for yes and 0 for no."
    )
    grades: dict[str, int] = Field(description="By grader; only of pairs that are to be adjudicated.")

    @classmethod
    def of(cls, found: PairToGrade, below: str) -> Self:
        """A pair with the records of its images."""
        crop = found.pair.crop
        return cls(
            query=ImageRecord.of(found.query, below),
            crop=CropBox.of(crop) if crop is not None else None,
            image=ImageRecord.of(found.image, below),
            strategy=found.pair.strategy,
            asks="yes-or-no" if found.pair.strategy.startswith(CLICKS) else "grade",
            grades=dict(found.grades),
        )


class AgreementRecord(Wire):
    """How much graders agree."""

    alpha: float | None = Field(
        description="Krippendorff's alpha with ordinal distances: 1 is perfect, 0 is chance; null for too little."
    )
    graders: dict[str, int] = Field(description="Number of grades by grader.")
    twice: int = Field(description="Pairs that more than one person graded.")
    disputed: int = Field(description="Of them, pairs that wait to be adjudicated.")

    @classmethod
    def of(cls, found: GraderAgreement) -> Self:
        """As it was computed."""
        return cls(alpha=found.alpha, graders=dict(found.graders), twice=found.twice, disputed=found.disputed)


class GradingPage(Wire):
    """The pairs that a grader sees next."""

    pairs: tuple[PairRecord, ...]
    progress: QueueRecord | None = Field(description="null where nothing was queued for this set.")
    agreement: AgreementRecord


class GradeGiven(Wire):
    """What a grader says of a pair."""

    grader: Grader
    query_image_id: _ImageId
    image_id: _ImageId
    grade: Annotated[int, Field(ge=0, le=5)] | None = Field(description="null takes back what this grader said.")
    crop: CropBox | None = None
    adjudicates: bool = Field(default=False, description="Settles what others disagreed on: no other grade counts.")

    def of_set(self, judgement_set: str) -> GivenGrade:
        """For a judgement set."""
        return GivenGrade(
            judgement_set=judgement_set,
            grader=self.grader,
            query_image_id=self.query_image_id,
            image_id=self.image_id,
            grade=self.grade,
            crop=self.crop.box() if self.crop is not None else None,
            adjudicates=self.adjudicates,
        )
