"""Judgements derived from other data. Each rule has a name, which every report states."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from lookalike.errors import EvaluationRefused
from lookalike.evaluation.judgements import Judgements
from lookalike.evaluation.ranking_metrics import MAX_GRADE

WIN_RATES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The least share of comparisons an image must win for grades 1, 2, 3, 4, 5."""


def from_labels(
    labels: Mapping[str, Sequence[str]],
    *,
    rule: Literal["hierarchy", "attributes"] = "hierarchy",
    queries: Iterable[str] | None = None,
) -> Judgements:
    """Class labels to grades, for every pair of labelled images.

    - `hierarchy`: labels go from coarse to fine ("clothing", "shirt"); the grade is how many agree before the first
      that does not.
    - `attributes`: the first label is what the image is, the others describe it ("shirt", "blue", "men"); the grade is
      0 when the first differs, else how many agree.

    An empty label agrees with none, not even with another empty one.

    Args:
        labels: image -> its labels, the same number (1 to 5) for all.
        rule: one of the above.
        queries: images that are queries; all when None.

    Returns:
        Judgements whose collection is every labelled image: nothing in it is unjudged. Queries that resemble nothing
        stay, without relevant images. A query is not judged against itself.

    Raises:
        EvaluationRefused: there is no label, images differ in how many they have, or a query has none.
    """
    levels = _levels(labels)
    groups: dict[str, list[str]] = {}
    for image, of_image in labels.items():
        groups.setdefault(of_image[0], []).append(image)
    groups.pop("", None)
    agree = _leading if rule == "hierarchy" else _any_after_first
    grades: dict[str, dict[str, int]] = {}
    for query in labels if queries is None else queries:
        if query not in labels:
            raise EvaluationRefused(f"query {query!r} has no label")
        mine = labels[query]
        grades[query] = {image: agree(mine, labels[image]) for image in groups.get(mine[0], ()) if image != query}
    return Judgements(grades=grades, rule=f"labels:{rule}, {levels} levels", collection=frozenset(labels))


def from_instances(
    groups: Iterable[Sequence[str]], *, grade: int = MAX_GRADE, queries: Iterable[str] | None = None
) -> Judgements:
    """Lists of images of the same thing to grades: every other image of the thing has `grade`, all others 0.

    Args:
        groups: the images of one thing each; an image is in one group.
        grade: 1 to 5; 5 says "the same".
        queries: images that are queries; all when None.

    Raises:
        EvaluationRefused: an image is in two groups, a query is in none, or the grade is out of range.
    """
    if not 1 <= grade <= MAX_GRADE:
        raise EvaluationRefused(f"grade {grade}: images of the same thing have a grade of 1 to {MAX_GRADE}")
    group_of: dict[str, Sequence[str]] = {}
    for group in groups:
        for image in group:
            if group_of.setdefault(image, group) is not group:
                raise EvaluationRefused(f"image {image!r} is in two instance lists")
    grades: dict[str, dict[str, int]] = {}
    for query in group_of if queries is None else queries:
        if query not in group_of:
            raise EvaluationRefused(f"query {query!r} is in no instance list")
        grades[query] = {image: grade for image in group_of[query] if image != query}
    return Judgements(grades=grades, rule=f"instances: grade {grade}", collection=frozenset(group_of))


def from_triplets(
    triplets: Iterable[tuple[str, str, str]],
    *,
    win_rates: Sequence[float] = WIN_RATES,
    least_comparisons: int = 1,
) -> Judgements:
    """Human triplets to grades: how often an image was found closer, of all times it was compared for that query.

    An image's grade is how many of `win_rates` its share reaches; by default the lower half has grade 0 and the upper
    half 1 to 5 in equal steps. Shares depend on what an image was compared with, so compare all with all, or at random.

    Args:
        triplets: (query, closer, farther), one for each vote.
        win_rates: up to 5 thresholds, ascending, 0 to 1.
        least_comparisons: images compared less often for a query are left unjudged.

    Raises:
        EvaluationRefused: the thresholds are not as said, or no image was compared often enough.
    """
    if not 1 <= len(win_rates) <= MAX_GRADE or list(win_rates) != sorted(win_rates) or win_rates[0] < 0:
        raise EvaluationRefused(f"win rates {tuple(win_rates)}: give 1 to {MAX_GRADE} thresholds, ascending, 0 to 1")
    won: dict[str, dict[str, int]] = {}
    compared: dict[str, dict[str, int]] = {}
    for query, closer, farther in triplets:
        wins, times = won.setdefault(query, {}), compared.setdefault(query, {})
        wins[closer] = wins.get(closer, 0) + 1
        for image in (closer, farther):
            times[image] = times.get(image, 0) + 1
    rows = [
        (query, image, sum(won[query].get(image, 0) >= rate * count for rate in win_rates))
        for query, times in compared.items()
        for image, count in times.items()
        if count >= least_comparisons
    ]
    thresholds = ", ".join(f"{rate:g}" for rate in win_rates)
    return Judgements.of(rows, rule=f"triplets: share of comparisons won reaches {thresholds}")


def _levels(labels: Mapping[str, Sequence[str]]) -> int:
    sizes = {len(of_image) for of_image in labels.values() if not isinstance(of_image, str)}
    if any(isinstance(of_image, str) for of_image in labels.values()):
        raise EvaluationRefused("labels: give a list of labels for each image, also where there is only one")
    if len(sizes) != 1 or not 1 <= (levels := sizes.pop()) <= MAX_GRADE:
        raise EvaluationRefused(f"labels: every image needs the same number of labels, 1 to {MAX_GRADE}")
    return levels


def _leading(mine: Sequence[str], theirs: Sequence[str]) -> int:
    for level, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        if one != other or not one:
            return level
    return len(mine)


def _any_after_first(mine: Sequence[str], theirs: Sequence[str]) -> int:
    if mine[0] != theirs[0] or not mine[0]:
        return 0
    return sum(one == other and one != "" for one, other in zip(mine, theirs, strict=True))
