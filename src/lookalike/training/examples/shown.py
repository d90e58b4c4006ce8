"""What was shown for a query image and what became of it: clicked or not, and grades of it to judge rankings by."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lookalike.feedback.click_levels import ClickEvidence
from lookalike.feedback.dwell_sums import DwellSums
from lookalike.feedback.experiments import satisfied_clicks
from lookalike.training.examples.example import GradedQuery
from lookalike.types import Interaction, InteractionKind

_MOST_GRADE = 5

PairKey = tuple[str, str]
"""Query image and shown image."""


@dataclass(slots=True)
class ShownPair:
    """What was done with one image in the searches by one query image.

    Attributes:
        ranks: by the id of the search.
        clicked: ids of searches.
        seconds: the longest dwell, by the id of the search.
    """

    ranks: dict[str, int] = field(default_factory=dict)
    clicked: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, event: Interaction) -> None:
        """Count an event; what was clicked was shown."""
        self.ranks.setdefault(event.query_id, event.position)
        if event.kind is InteractionKind.CLICK:
            self.clicked.add(event.query_id)
        elif event.kind is InteractionKind.DWELL and event.dwell_seconds is not None:
            self.seconds[event.query_id] = max(event.dwell_seconds, self.seconds.get(event.query_id, 0.0))


def shown_pairs(events: Iterable[tuple[str, Interaction]]) -> dict[PairKey, ShownPair]:
    """What was done with each pair, by query image and shown image, ascending.

    Args:
        events: (query image, interaction) in any order; only those that are believed.
    """
    found: dict[PairKey, ShownPair] = defaultdict(ShownPair)
    for query_image, event in events:
        found[query_image, event.image_id].add(event)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPairs:
    """Everything that was shown for a query image, clicked or not.

    Attributes:
        pairs: by query image and shown image.
        propensities: probability that each rank that occurs is looked at.
        offsets: probability that an image at that rank is clicked though it answers nothing, where people trust the
            order; ranks without one have 0.
        reviewed: pairs that people said yes or no to; what they called wrong was not clicked.
    """

    pairs: Mapping[PairKey, ShownPair] = field(default_factory=dict)
    propensities: Mapping[int, float] = field(default_factory=dict)
    offsets: Mapping[int, float] = field(default_factory=dict)
    reviewed: Mapping[PairKey, bool] = field(default_factory=dict)

    def only(self, kept: Callable[[PairKey], bool]) -> "SeenPairs":
        """The same with some of the pairs."""
        pairs = {pair: one for pair, one in self.pairs.items() if kept(pair)}
        return replace(self, pairs=pairs)

    def rates(self) -> list[GradedQuery]:
        """Grades 0 to 5 in proportion to clicks for each look, the query's highest rate being 5: to judge rankings by.

        Raw clicks favour the ranking that was shown: what stands first is looked at more. Clicks divided by the sum of
        the propensities of the places estimate relevance without that bias, as long as the propensities are right
        (Joachims et al. 2017, "Unbiased learning-to-rank with biased feedback"). Mistaken clicks are as frequent at low
        ranks as at high ones, and would be magnified there: where dwells are known, only satisfied clicks count.
        Clicks that are owed to trust in the order are subtracted (Vardasbi et al. 2020, "When inverse propensity
        scoring does not work"), as many of them as are satisfied.
        """
        pairs = list(self.pairs.items())
        clicked = [sorted(one.clicked) if self.reviewed.get(pair, True) else [] for pair, one in pairs]
        satisfied = satisfied_clicks(clicked, [one.seconds for _, one in pairs])
        rates: dict[str, dict[str, float]] = defaultdict(dict)
        share = sum(map(len, satisfied)) / max(sum(map(len, clicked)), 1)
        for ((query, image), one), clicks in zip(pairs, satisfied, strict=True):
            rates[query][image] = max(len(clicks) - share * self._unearned(one), 0.0) / self._exposure(one)
        return [
            GradedQuery(query=query, images=tuple(images), grades=tuple(_shares(list(images.values()))))
            for query, images in rates.items()
            if any(images.values())
        ]

    def evidence(self) -> ClickEvidence:
        """What was done with each pair, in their order."""
        dwells = [
            (number, one.seconds[search])
            for number, (pair, one) in enumerate(self.pairs.items())
            if self._clicks(pair, one)
            for search in one.clicked & one.seconds.keys()
        ]
        numbers, seconds = np.array([number for number, _ in dwells], np.int64), np.array([one for _, one in dwells])
        return ClickEvidence(
            exposure=np.array([self._exposure(one) for one in self.pairs.values()]),
            unearned=np.array([self._unearned(one) for one in self.pairs.values()]),
            clicks=np.array([float(self._clicks(pair, one)) for pair, one in self.pairs.items()]),
            dwells=DwellSums.of(numbers, seconds, len(self.pairs)),
        )

    def _clicks(self, pair: PairKey, one: ShownPair) -> int:
        return len(one.clicked) if self.reviewed.get(pair, True) else 0

    def _unearned(self, one: ShownPair) -> float:
        return sum(self.offsets.get(rank, 0.0) for rank in one.ranks.values())

    def _exposure(self, one: ShownPair) -> float:
        return sum(self.propensities[rank] for rank in one.ranks.values())


def _shares(rates: Sequence[float]) -> list[int]:
    """Of the highest grade; whatever was clicked at all has a grade above 0."""
    most = max(rates)
    return [max(round(_MOST_GRADE * rate / most), int(rate > 0)) for rate in rates]
