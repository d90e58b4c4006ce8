"""What was shown for a query image and what became of it: clicked or not, and grades of it to judge rankings by."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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


def rates_by_clicks(
    shown: Mapping[PairKey, ShownPair], propensities: Mapping[int, float], reviewed: Mapping[PairKey, bool]
) -> list[GradedQuery]:
    """Grades 0 to 5 in proportion to clicks for each look, the query's highest rate being 5: to judge rankings by.

    Raw clicks favour the ranking that was shown: what stands first is looked at more. Clicks divided by the sum of the
    propensities of the places estimate relevance without that bias, as long as the propensities are right (Joachims et
    al. 2017, "Unbiased learning-to-rank with biased feedback").

    Args:
        shown: every pair that was shown.
        propensities: of each rank that occurs.
        reviewed: pairs that people said yes or no to: what they called wrong was not clicked.
    """
    rates: dict[str, dict[str, float]] = defaultdict(dict)
    for (query, image), one in shown.items():
        clicks = len(one.clicked) if reviewed.get((query, image), True) else 0
        rates[query][image] = clicks / sum(propensities[rank] for rank in one.ranks.values())
    return [
        GradedQuery(query=query, images=tuple(images), grades=tuple(_shares(list(images.values()))))
        for query, images in rates.items()
        if any(images.values())
    ]


def _shares(rates: Sequence[float]) -> list[int]:
    """Of the highest grade; whatever was clicked at all has a grade above 0."""
    most = max(rates)
    return [max(round(_MOST_GRADE * rate / most), int(rate > 0)) for rate in rates]
