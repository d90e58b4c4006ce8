"""Pairs from clicked images, and hard negatives from images that were shown and skipped."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lookalike.catalog import QueryRecord
from lookalike.feedback.bots import MOST_CLICKS_IN_MINUTE, bots
from lookalike.training.examples.example import GradedQuery, Pair, PairSource
from lookalike.training.examples.shown import SeenPairs, shown_pairs
from lookalike.types import Interaction, InteractionKind

CALLED_WRONG, CONFIRMED = "clicks called wrong", "pairs confirmed"
"""What reports call clicks that reviewers said no to, and pairs that they said yes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickRules:
    """Rules for filtering clicks.

    Attributes:
        least_clicks: minimum number of searches in which a pair must have been clicked.
        most_clicks_in_minute: a user who ever clicks more often within 60 s counts as a bot; all their clicks are
            left out.
        propensities: probability that the hit at each rank is looked at, from rank 1 (the last one applies to all
            further ranks); a click has the weight 1 / propensity. Empty: every click has the weight 1.
        offsets: probability that an image at each rank is clicked though it answers nothing, because people trust the
            order; from rank 1, and empty where they do not. For a pair, 1 / propensity times its offset is subtracted
            for each search that showed it, and what is left without weight is left out.
        most_weight: maximum weight of a click, so that a few rare ones do not dominate.
        most_hard_negatives: maximum for one pair; images skipped most often come first.
        include_simulated: whether simulated clicks are also used; their pairs are marked.
        reviewed: (query image, clicked image) -> whether people who reviewed the click said that it is right. Clicks
            they called wrong are left out, and the image becomes a hard negative; one they called right needs no
            further search.

    Raises:
        ValueError: a number outside its range.

    Joachims et al. 2017, "Unbiased learning-to-rank with biased feedback", for the weights; Vardasbi et al. 2020, "When
    inverse propensity scoring does not work: affine corrections for unbiased learning to rank", for the offsets.
    """

    least_clicks: int = 2
    most_clicks_in_minute: int = MOST_CLICKS_IN_MINUTE
    propensities: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    most_weight: float = 10.0
    most_hard_negatives: int = 32
    include_simulated: bool = False
    reviewed: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(not 0 < propensity <= 1 for propensity in self.propensities):
            raise ValueError(f"propensities {self.propensities}: each must be above 0 and at most 1")
        if any(not 0 <= offset < 1 for offset in self.offsets):
            raise ValueError(f"offsets {self.offsets}: each must be at least 0 and below 1")
        if self.least_clicks < 1 or self.most_clicks_in_minute < 1 or self.most_weight < 1:
            raise ValueError("least_clicks, most_clicks_in_minute and most_weight must be at least 1")

    def weight(self, position: int) -> float:
        """Weight of a click at that rank, counted from 1."""
        if not self.propensities:
            return 1.0
        propensity = self.propensities[min(position, len(self.propensities)) - 1]
        return min(1 / propensity, self.most_weight)

    def offset(self, position: int) -> float:
        """Probability that an image at that rank is clicked though it answers nothing."""
        return self.offsets[min(position, len(self.offsets)) - 1] if self.offsets else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickPairs:
    """Pairs, and what became of the clicks.

    Attributes:
        pairs: by query and positive, ascending.
        seen: everything that was shown for a query image in those searches, clicked or not.
        clicks: given in all.
        used: behind the pairs.
        simulated: left out because no person made them.
        by_bots: left out.
        on_own: on the query itself, or on an image of the one who clicked; left out.
        without_image: of searches whose query was no whole image of the library; left out.
        repeated: the same hit of the same search once more.
        too_few: of pairs that were clicked in too few searches, or not more than trust in the order explains.
        called_wrong: of pairs that reviewers said no to; left out.
        confirmed: pairs that reviewers said yes to.
    """

    pairs: tuple[Pair, ...]
    clicks: int
    used: int
    simulated: int
    by_bots: int
    on_own: int
    without_image: int
    repeated: int
    too_few: int
    called_wrong: int = 0
    confirmed: int = 0
    seen: SeenPairs = field(default_factory=SeenPairs)


def click_pairs(
    queries: Iterable[QueryRecord],
    interactions: Iterable[Interaction],
    *,
    owners: Mapping[str, str] | None = None,
    rules: ClickRules = ClickRules(),
) -> ClickPairs:
    """Pairs (query image, clicked image) with the skipped images as hard negatives.

    Passed over is what was shown above a clicked hit of the same search and not clicked there (Joachims 2002,
    "Optimizing search engines using clickthrough data": people read from the top, so what stands above a click was
    seen), unless it is somebody's positive for that query image.

    Args:
        queries: the searches.
        interactions: what was done with their hits, in any order.
        owners: image id -> user id, to know clicks on one's own images.
        rules: which clicks are believed.
    """
    sorting = _Sorting(queries, list(interactions), owners or {}, rules)
    sorting.sort()
    pairs = sorting.pairs()
    reasons = sorting.left_out
    return ClickPairs(
        pairs=tuple(pairs),
        clicks=sorting.clicks,
        used=sum(len(sorting.searches[pair.query, pair.positive]) for pair in pairs),
        simulated=reasons["simulated"],
        by_bots=reasons["bots"],
        on_own=reasons["own"],
        without_image=reasons["without image"],
        repeated=reasons["again"],
        too_few=reasons["too few"],
        called_wrong=reasons["called wrong"],
        seen=sorting.seen(),
        confirmed=sum(rules.reviewed.get((pair.query, pair.positive), False) for pair in pairs),
    )


_OFTEN, _SELDOM = 0.4, 0.15


def graded_by_clicks(pairs: Iterable[Pair]) -> list[GradedQuery]:
    """Clicks as grades for each query: grades of the clicked images, and of the skipped ones.

    Images that were clicked at least 0.4 times as often (by weight) as the query's most clicked image get a 3, at least
    0.15 times as often a 2, and less often, as happens by mistake, a 1. Skipped images get a 0.
    """
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    passed_over: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        weights[pair.query][pair.positive] = pair.weight
        passed_over[pair.query].update(pair.hard_negatives)
    return [
        GradedQuery(query=query, images=tuple(images), grades=tuple(images.values()))
        for query, images in (
            (query, _grades(clicked, passed_over[query])) for query, clicked in sorted(weights.items())
        )
    ]


def _grades(clicked: Mapping[str, float], passed_over: Iterable[str]) -> dict[str, int]:
    most = max(clicked.values())
    grades = dict.fromkeys(passed_over, 0)
    for image_id, weight in clicked.items():
        share = weight / most
        grades[image_id] = 3 if share >= _OFTEN else 2 if share >= _SELDOM else 1
    return dict(sorted(grades.items()))


_SHOWN = frozenset({InteractionKind.IMPRESSION, InteractionKind.CLICK, InteractionKind.DWELL})


class _Sorting:
    """The clicks on their way to becoming pairs."""

    def __init__(
        self,
        queries: Iterable[QueryRecord],
        interactions: list[Interaction],
        owners: Mapping[str, str],
        rules: ClickRules,
    ) -> None:
        self._queries = {query.id: query for query in queries}
        self._interactions = interactions
        self._owners = owners
        self._rules = rules
        self._bots = bots(interactions, most=rules.most_clicks_in_minute)
        self._passed_over: dict[str, Counter[str]] = defaultdict(Counter)
        self.left_out: Counter[str] = Counter()
        self.clicks = 0
        self.searches: dict[tuple[str, str], dict[str, Interaction]] = defaultdict(dict)

    def sort(self) -> None:
        """Count each click of a person by the rules, and find the images that were skipped for it."""
        taken: dict[str, list[Interaction]] = defaultdict(list)
        shown: dict[str, dict[str, int]] = defaultdict(dict)
        for event in self._interactions:
            if event.kind is InteractionKind.IMPRESSION:
                shown[event.query_id][event.image_id] = event.position
            if event.kind is not InteractionKind.CLICK:
                continue
            self.clicks += 1
            reason = self._reason_against(event)
            if reason:
                self.left_out[reason] += 1
                continue
            taken[event.query_id].append(event)
        for query_id, clicks in taken.items():
            self._count(str(self._queries[query_id].image_id), clicks, shown[query_id])

    def _reason_against(self, click: Interaction) -> str | None:
        query = self._queries.get(click.query_id)
        if click.simulated and not self._rules.include_simulated:
            return "simulated"
        if click.user_id in self._bots:
            return "bots"
        if query is None or query.image_id is None or query.crop is not None:
            return "without image"
        own = click.user_id is not None and self._owners.get(click.image_id) == click.user_id
        return "own" if own or click.image_id == query.image_id else None

    def _count(self, query_image: str, clicks: list[Interaction], shown: Mapping[str, int]) -> None:
        lowest = max(click.position for click in clicks)
        clicked = {click.image_id for click in clicks}
        for click in clicks:
            self.left_out["again"] += click.query_id in self.searches[query_image, click.image_id]
            self.searches[query_image, click.image_id].setdefault(click.query_id, click)
        for image_id, position in shown.items():
            if position < lowest and image_id not in clicked and image_id != query_image:
                self._passed_over[query_image][image_id] += 1

    def seen(self) -> SeenPairs:
        """All that was shown to people in searches by a whole image, clicked or not."""
        believed = (
            (str(self._queries[event.query_id].image_id), event)
            for event in self._interactions
            if event.kind in _SHOWN and not self._reason_against(event)
        )
        shown = shown_pairs(believed)
        ranks = {rank for pair in shown.values() for rank in pair.ranks.values()}
        propensities = {rank: 1 / self._rules.weight(rank) for rank in ranks}
        offsets = {rank: self._rules.offset(rank) for rank in ranks} if self._rules.offsets else {}
        return SeenPairs(pairs=shown, propensities=propensities, offsets=offsets, reviewed=self._rules.reviewed)

    def pairs(self) -> list[Pair]:
        """The pairs that were clicked often enough."""
        kept = {}
        for pair, searches in sorted(self.searches.items()):
            right = self._rules.reviewed.get(pair)
            if right is False:
                self.left_out["called wrong"] += len(searches)
                self._passed_over[pair[0]][pair[1]] += len(searches)
            elif right or len(searches) >= self._rules.least_clicks:
                kept[pair] = searches
            else:
                self.left_out["too few"] += len(searches)
        weights = self._weights(kept)
        positives: dict[str, set[str]] = defaultdict(set)
        for query, positive in self.searches:
            if self._rules.reviewed.get((query, positive), True):
                positives[query].add(positive)
        return [
            Pair(
                query=query,
                positive=positive,
                source=_source(searches.values()),
                weight=weights[query, positive],
                hard_negatives=self._hard_negatives(query, positives[query]),
            )
            for (query, positive), searches in kept.items()
            if weights[query, positive] > 0
        ]

    def _weights(self, kept: Mapping[tuple[str, str], Mapping[str, Interaction]]) -> dict[tuple[str, str], float]:
        """Clicks by their weights, less what trust in the order explains; 0 and less where that is all."""
        rules = self._rules
        weights = {pair: sum(rules.weight(one.position) for one in clicks.values()) for pair, clicks in kept.items()}
        if not rules.offsets:
            return weights
        for pair, one in self.seen().pairs.items():
            if pair in weights and not rules.reviewed.get(pair, False):
                weights[pair] -= sum(rules.weight(rank) * rules.offset(rank) for rank in one.ranks.values())
                self.left_out["too few"] += len(kept[pair]) if weights[pair] <= 0 else 0
        return weights

    def _hard_negatives(self, query: str, positives: set[str]) -> tuple[str, ...]:
        passed = [(-times, image) for image, times in self._passed_over[query].items() if image not in positives]
        return tuple(image for _, image in sorted(passed)[: self._rules.most_hard_negatives])


def _source(clicks: Iterable[Interaction]) -> PairSource:
    simulated = any(click.simulated for click in clicks)
    return PairSource.SIMULATED_CLICKS if simulated else PairSource.CLICKS
