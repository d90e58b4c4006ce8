"""Clicked pairs that look wrong: people say yes or no to them before anything is learnt from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lookalike.feedback.bots import MOST_CLICKS_IN_MINUTE, bots
from lookalike.types import Interaction, InteractionKind

REASONS = ("conflicting", "one-client", "far", "rare")
"""Why a pair is suspicious, the strongest reason first."""

_FAR = 0.1  # share of the clicked pairs, those with the lowest cosines
_RARE = 0.1  # of the searches that showed a pair: clicked in fewer, it may be a mistake
_SHOWN_OFTEN = 4  # searches: with fewer nobody can say that a click is rare
_ALONE = 3  # clicks of one client, and of nobody else

PairKey = tuple[str, str]
"""Query image and clicked image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickedPair:
    """What was done with one image for one query image.

    Attributes:
        query: id of the query image.
        image: id of the clicked image.
        shown: searches that showed it.
        clicked: searches in which it was clicked.
        clients: that clicked it; empty where nobody is named.
        unlike: searches in which it was called not similar.
        cosine: of both images by the model that answers; None where it is not known.
    """

    query: str
    image: str
    shown: int
    clicked: int
    clients: frozenset[str]
    unlike: int
    cosine: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspiciousPair:
    """A clicked pair with what speaks against it."""

    pair: ClickedPair
    reasons: tuple[str, ...]


def clicked_pairs(
    query_images: Mapping[str, str], interactions: Iterable[Interaction], *, include_simulated: bool = False
) -> list[ClickedPair]:
    """Every clicked pair, without clicks of programs and on the query image itself; `cosine` is not known yet.

    Args:
        query_images: id of the query image, by the id of a search by a whole image.
        interactions: in any order.
        include_simulated: also count what no person did.
    """
    events = [one for one in interactions if include_simulated or not one.simulated]
    programs = bots(events, most=MOST_CLICKS_IN_MINUTE)
    found: dict[PairKey, _Counted] = defaultdict(_Counted)
    for one in events:
        query = query_images.get(one.query_id)
        if query is None or query == one.image_id or one.user_id in programs:
            continue
        found[query, one.image_id].add(one)
    return [
        ClickedPair(
            query=query,
            image=image,
            shown=len(counted.shown | counted.clicked),
            clicked=len(counted.clicked),
            clients=frozenset(counted.clients),
            unlike=len(counted.unlike),
            cosine=None,
        )
        for (query, image), counted in sorted(found.items())
        if counted.clicked
    ]


@dataclass(slots=True)
class _Counted:
    """Searches by what was done in them with one image."""

    shown: set[str] = field(default_factory=set)
    clicked: set[str] = field(default_factory=set)
    unlike: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)

    def add(self, event: Interaction) -> None:
        """Count one event."""
        if event.kind is InteractionKind.IMPRESSION:
            self.shown.add(event.query_id)
        elif event.kind is InteractionKind.NOT_SIMILAR:
            self.unlike.add(event.query_id)
        elif event.kind is InteractionKind.CLICK:
            self.clicked.add(event.query_id)
            client = event.user_id or event.client_id or event.session_id
            self.clients |= {client} if client is not None else set()


def suspicious_pairs(pairs: Iterable[ClickedPair]) -> list[SuspiciousPair]:
    """The pairs that something speaks against, those with the most and the strongest reasons first.

    - `conflicting`: somebody called the image not similar to the query.
    - `one-client`: at least three clicks, all by one client.
    - `far`: the cosine is among the lowest tenth of all clicked pairs.
    - `rare`: shown in at least four searches, and clicked in a tenth of them at most, or in one of four to nine.
    """
    known = list(pairs)
    cosines = [one.cosine for one in known if one.cosine is not None]
    low = float(np.quantile(cosines, _FAR)) if cosines else -np.inf
    found = [SuspiciousPair(pair=one, reasons=_reasons(one, low)) for one in known]
    return sorted((one for one in found if one.reasons), key=_order)


def _reasons(pair: ClickedPair, low: float) -> tuple[str, ...]:
    holds = {
        "conflicting": pair.unlike > 0,
        "one-client": pair.clicked >= _ALONE and len(pair.clients) == 1,
        "far": pair.cosine is not None and pair.cosine <= low,
        "rare": pair.shown >= _SHOWN_OFTEN and pair.clicked <= max(_RARE * pair.shown, 1),
    }
    return tuple(reason for reason in REASONS if holds[reason])


def _order(found: SuspiciousPair) -> tuple[int, int, float, str, str]:
    first, pair = REASONS.index(found.reasons[0]), found.pair
    return -len(found.reasons), first, pair.cosine if pair.cosine is not None else 0.0, pair.query, pair.image


def counts_by_reason(found: Iterable[SuspiciousPair]) -> dict[str, int]:
    """How many pairs each reason speaks against; a pair may have several."""
    counted = Counter(reason for one in found for reason in one.reasons)
    return {reason: counted[reason] for reason in REASONS}
