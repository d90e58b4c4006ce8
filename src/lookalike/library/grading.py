"""Grading the pairs that wait: what a grader sees next, the grades that come back, and where graders disagree."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lookalike.catalog import ADJUDICATION, Catalog, QueuedPair, QueueProgress
from lookalike.errors import CallerError
from lookalike.evaluation.graders import krippendorff_alpha
from lookalike.types import Box, Grade, Image, Visibility

SOURCE = "grading"
"""Source of the grades of people who worked through a queue."""

CLICKS = "click-"
"""Strategies that begin so queue clicked pairs for a yes or a no, which are stored as grades 1 and 0."""

_APART = 2  # grades of a pair so far apart are to be adjudicated; of a yes or no, 1
_NAME_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class GradingRequest:
    """Who grades what.

    Attributes:
        judgement_set: whose queue.
        grader: the name of the person.
        unshared: leave out pairs that anybody has graded, so that graders share the work; else each of them grades all.
        limit: pairs to show.
    """

    judgement_set: str
    grader: str
    unshared: bool = False
    limit: int = 20


@dataclass(frozen=True, kw_only=True)
class PairToGrade:
    """A pair with its images.

    Attributes:
        pair: as it was queued.
        query: the image that asks.
        image: the candidate.
        grades: by grader, where others' grades may be seen: to adjudicate.
    """

    pair: QueuedPair
    query: Image
    image: Image
    grades: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class GraderAgreement:
    """How much the graders of a set agree.

    Attributes:
        alpha: Krippendorff's alpha with ordinal distances; None where too little was graded twice.
        graders: grades by grader.
        twice: pairs that more than one person graded.
        disputed: of them, pairs whose grades are far apart and not adjudicated.
    """

    alpha: float | None
    graders: Mapping[str, int]
    twice: int
    disputed: int


@dataclass(frozen=True, kw_only=True)
class GivenGrade:
    """What a grader says of a queued pair.

    Attributes:
        judgement_set: where the grade goes.
        grader: the name of the person.
        query_image_id: of the query.
        image_id: of the candidate.
        grade: 0 to 5; None takes back what this grader said.
        crop: of the query, in fractions.
        adjudicates: settles what others disagreed on.
    """

    judgement_set: str
    grader: str
    query_image_id: str
    image_id: str
    grade: int | None
    crop: Box | None = None
    adjudicates: bool = False


def grading_queues(catalog: Catalog, grader: str = "") -> list[QueueProgress]:
    """How far each queue is, for everybody and for one grader."""
    return catalog.grading_queue.progress(grader)


def next_pairs(catalog: Catalog, request: GradingRequest) -> list[PairToGrade]:
    """The pairs that a grader sees next, without what others said of them.

    Raises:
        CallerError: the grader has no name.
    """
    grader = _grader(request.grader)
    pairs = catalog.grading_queue.next_for(
        request.judgement_set, grader, unshared=request.unshared, limit=request.limit
    )
    return _with_images(catalog, pairs, {})


def disputed_pairs(catalog: Catalog, judgement_set: str, *, limit: int = 20) -> list[PairToGrade]:
    """Queued pairs whose grades are far apart, with who said what, those farthest apart first."""
    disputed = _disputed(catalog.judgements.grades(judgement_set=judgement_set))
    found = []
    for (query, image, crop), given in disputed.items():
        pair = catalog.grading_queue.find(judgement_set, query, image, crop)
        if pair is not None:
            found.append((pair, given))
        if len(found) == limit:
            break
    grades = {_key(pair): given for pair, given in found}
    return _with_images(catalog, [pair for pair, _ in found], grades)


def give_grade(catalog: Catalog, given: GivenGrade) -> None:
    """Keep a grade of a queued pair, in place of what the same grader said of it before, or take it back.

    Raises:
        CallerError: the pair does not wait in that queue, the grader has no name, or the grade is none of 0 to 5.
    """
    grader = _grader(given.grader)
    pair = catalog.grading_queue.find(given.judgement_set, given.query_image_id, given.image_id, given.crop)
    if pair is None:
        raise CallerError(f"this pair does not wait for a grade of {given.judgement_set[:_NAME_LENGTH]!a}")
    grade = Grade(
        query_image_id=given.query_image_id,
        image_id=given.image_id,
        grade=given.grade or 0,
        at=datetime.now(UTC),
        user_id=grader,
        source=ADJUDICATION if given.adjudicates else SOURCE,
        crop=given.crop,
        judgement_set=given.judgement_set,
    )
    if given.grade is None:
        catalog.judgements.take_back(grade)
        return
    if pair.strategy.startswith(CLICKS) and given.grade not in {0, 1}:
        raise CallerError(f"grade {given.grade}: a clicked pair is graded 1 (yes) or 0 (no)")
    catalog.judgements.write([grade])


def grader_agreement(catalog: Catalog, judgement_set: str) -> GraderAgreement:
    """How much the graders of a set agree, over the pairs that more than one of them graded."""
    grades = [one for one in catalog.judgements.grades(judgement_set=judgement_set) if one.source != ADJUDICATION]
    by_pair: dict[_Pair, dict[str, int]] = defaultdict(dict)
    graders: dict[str, int] = defaultdict(int)
    for one in grades:
        if one.user_id is not None:
            by_pair[_pair_of(one)][one.user_id] = one.grade
            graders[one.user_id] += 1
    shared = [(str(pair), grade) for pair, given in by_pair.items() for grade in given.values()]
    return GraderAgreement(
        alpha=krippendorff_alpha(shared),
        graders=dict(sorted(graders.items())),
        twice=sum(len(given) > 1 for given in by_pair.values()),
        disputed=len(_disputed(catalog.judgements.grades(judgement_set=judgement_set))),
    )


_Pair = tuple[str, str, Box | None]


def _pair_of(grade: Grade) -> _Pair:
    return grade.query_image_id, grade.image_id, grade.crop


def _key(pair: QueuedPair) -> _Pair:
    return pair.query_image_id, pair.image_id, pair.crop


def _disputed(grades: Sequence[Grade]) -> dict[_Pair, dict[str, int]]:
    """Pairs that were not adjudicated and whose grades are far apart, with the grades by grader."""
    settled = {_pair_of(one) for one in grades if one.source == ADJUDICATION}
    given: dict[_Pair, dict[str, int]] = defaultdict(dict)
    for one in grades:
        if one.user_id is not None and _pair_of(one) not in settled:
            given[_pair_of(one)][one.user_id] = one.grade
    highest = max((one.grade for one in grades), default=0)
    least = min(_APART, max(highest, 1))
    apart = {pair: max(said.values()) - min(said.values()) for pair, said in given.items()}
    order = sorted((pair for pair in given if apart[pair] >= least), key=lambda pair: (-apart[pair], str(pair)))
    return {pair: given[pair] for pair in order}


def _with_images(
    catalog: Catalog, pairs: Sequence[QueuedPair], grades: Mapping[_Pair, Mapping[str, int]]
) -> list[PairToGrade]:
    """The pairs whose images may be shown."""
    wanted = sorted({name for pair in pairs for name in (pair.query_image_id, pair.image_id)})
    images = catalog.images.get_many(wanted, visibility=Visibility.PUBLIC)
    return [
        PairToGrade(
            pair=pair,
            query=images[pair.query_image_id],
            image=images[pair.image_id],
            grades=grades.get(_key(pair), {}),
        )
        for pair in pairs
        if pair.query_image_id in images and pair.image_id in images
    ]


def _grader(name: str) -> str:
    named = name.strip()
    if not named or len(named) > _NAME_LENGTH:
        raise CallerError(f"grader: give a name of 1 to {_NAME_LENGTH} characters")
    return named
