"""Events as columns, and which of them count: those of people, on images that were suggested to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import AskedQuery
from lookalike.feedback.bots import MOST_CLICKS_IN_MINUTE, too_quick
from lookalike.feedback.days import Integers, microseconds
from lookalike.types import Interaction, InteractionKind

KINDS = tuple(InteractionKind)
"""What the numbers in the column of kinds are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many events do not count, and why.

    Attributes:
        other_origin: simulated ones among those of people, or the other way round.
        bots: of clients that clicked more than 30 times within 60 seconds.
        query_itself: on the image that was the query: it was not suggested.
        unknown_query: of searches that are no longer stored.
    """

    other_origin: int
    bots: int
    query_itself: int
    unknown_query: int


@dataclass(frozen=True, kw_only=True)
class EventTable:
    """Events that count, in the order of time.

    Attributes:
        queries: the searches that the column `query` numbers.
        images: the ids that the column `image` numbers.
        people: how many the column `person` numbers: users, or else clients, sessions, searches.
        query: [events].
        image: [events].
        kind: [events], in `KINDS`.
        at: [events], microseconds since 1970 UTC.
        position: [events], rank of the image, from 1.
        seconds: [events], of a dwell; 0 for others.
        person: [events].
        left_out: events that do not count.
        others: ids of searches with which only programs did something, or only events of the other origin are about.
    """

    queries: Sequence[AskedQuery]
    images: Sequence[str]
    people: int
    query: Integers
    image: Integers
    kind: NDArray[np.int8]
    at: Integers
    position: Integers
    seconds: NDArray[np.float64]
    person: Integers
    left_out: LeftOut
    others: frozenset[str]

    def only(self, kind: InteractionKind) -> NDArray[np.bool_]:
        """[events], whether it is of that kind."""
        return np.equal(self.kind, KINDS.index(kind))


def event_table(
    events: Iterable[Interaction],
    queries: Iterable[AskedQuery],
    *,
    simulated: bool = False,
    most_clicks_in_minute: int = MOST_CLICKS_IN_MINUTE,
) -> EventTable:
    """Sort out events.

    Args:
        events: in the order of time.
        queries: every search that they may be of.
        simulated: count the simulated events, and only these.
        most_clicks_in_minute: whoever clicks more often within 60 seconds is a program; nothing it did counts.
    """
    asked = {query.id: query for query in queries}
    rows = _Rows(asked)
    for event in events:
        rows.add(event, simulated=simulated)
    return rows.table(most_clicks_in_minute)


class _Rows:
    """Events on their way to columns."""

    def __init__(self, asked: Mapping[str, AskedQuery]) -> None:
        self._asked = asked
        self._numbers: dict[str, dict[str, int]] = {"query": {}, "image": {}, "person": {}}
        self._columns: dict[str, list[float]] = {
            name: [] for name in ("query", "image", "kind", "at", "position", "seconds", "person")
        }
        self._of_others: set[str] = set()
        self._other_origin = self._query_itself = self._unknown_query = 0

    def add(self, event: Interaction, *, simulated: bool) -> None:
        """Take an event, or count why not."""
        query = self._asked.get(event.query_id)
        if event.simulated != simulated:
            self._other_origin += 1
            self._of_others.add(event.query_id)
        elif query is None:
            self._unknown_query += 1
        elif query.image_id == event.image_id:
            self._query_itself += 1
        else:
            person = event.user_id or event.client_id or event.session_id or event.query_id
            columns = self._columns
            columns["query"].append(self._number("query", event.query_id))
            columns["image"].append(self._number("image", event.image_id))
            columns["person"].append(self._number("person", person))
            columns["kind"].append(KINDS.index(event.kind))
            columns["at"].append(microseconds(event.at))
            columns["position"].append(event.position)
            columns["seconds"].append(event.dwell_seconds or 0.0)

    def _number(self, column: str, name: str) -> int:
        numbers = self._numbers[column]
        return numbers.setdefault(name, len(numbers))

    def table(self, most_clicks: int) -> EventTable:
        """What counts."""
        columns = {
            name: np.asarray(values, dtype=np.int64) for name, values in self._columns.items() if name != "seconds"
        }
        clicks = columns["kind"] == KINDS.index(InteractionKind.CLICK)
        bots = too_quick(columns["person"][clicks], columns["at"][clicks], most_clicks)
        counts = ~np.isin(columns["person"], bots)
        names = list(self._numbers["query"])
        by_people = set(columns["query"][counts].tolist())
        return EventTable(
            queries=[self._asked[name] for name in names],
            images=list(self._numbers["image"]),
            people=len(self._numbers["person"]),
            query=columns["query"][counts],
            image=columns["image"][counts],
            kind=columns["kind"][counts].astype(np.int8),
            at=columns["at"][counts],
            position=columns["position"][counts],
            seconds=np.asarray(self._columns["seconds"], dtype=np.float64)[counts],
            person=columns["person"][counts],
            left_out=LeftOut(
                other_origin=self._other_origin,
                bots=int(np.count_nonzero(~counts)),
                query_itself=self._query_itself,
                unknown_query=self._unknown_query,
            ),
            others=frozenset(self._of_others.union(names) - {names[number] for number in by_people}),
        )
