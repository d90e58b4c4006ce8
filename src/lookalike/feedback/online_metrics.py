"""Online metrics: click-through rate, time spent on suggested images, searches without results or without a click.

CTR = images clicked / suggested images shown, where each image counts once a search. Time spent is the sum of dwells.
Both are over events that count (`event_table`), in days of a stated time zone; intervals are by bootstrap over people.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import AskedQuery
from lookalike.feedback.days import Integers, date_of, local_days, months_of, weeks_of
from lookalike.feedback.event_table import EventTable, LeftOut
from lookalike.feedback.shares import Floats, Share, Sums, shares
from lookalike.types import InteractionKind

POSITIONS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10), (11, 20), (21, 50))
"""First and last rank of each group of positions; what is beyond is one more group."""

_MOST_GROUPS = 20


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known of searches and images beside the events.

    Attributes:
        tags: of images, by id; only of images that whoever reads the metrics may see.
        arms: of experiments, by the id of a search.
    """

    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)


_NOTHING = About()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days, from midnight to midnight in a time zone.

    Attributes:
        first: the first day.
        last: the last day, which is part of it.
        zone: whose midnight.
    """

    first: date
    last: date
    zone: ZoneInfo

    def numbers(self) -> Integers:
        """Days since 1970-01-01."""
        epoch = date(1970, 1, 1)
        return np.arange((self.first - epoch).days, (self.last - epoch).days + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpent:
    """Time spent on suggested images in each day, week or month.

    Attributes:
        unit: `day`, `week` (from Monday) or `month`.
        seconds: in all.
        periods: days, weeks or months that the whole period touches, with those in which nothing was done.
        seconds_per_period: seconds / periods.
        active: pairs of a person and a period in which that person did something.
        per_person: seconds / active, with its interval.
    """

    unit: str
    seconds: float
    periods: int
    seconds_per_period: float
    active: int
    per_person: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The metrics of some of the images or searches.

    Attributes:
        name: which.
        ctr: images clicked / images shown.
        seconds: of dwells.
    """

    name: str
    ctr: Share
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMetrics:
    """One day; an image counts as shown, and as clicked, on the day on which it first was."""

    day: str
    shown: int
    clicks: int
    ctr: float | None
    seconds: float
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineMetrics:
    """What people saw and did in a period.

    Attributes:
        first: day.
        last: day.
        time_zone: of the days.
        simulated: no person did any of this.
        people: users, or else clients, sessions or searches, who did something.
        ctr: images clicked / suggested images shown.
        time_spent: by day, week and month.
        searches: that were answered.
        zero_results: searches without a hit / searches.
        abandoned: searches of which hits were shown and none was clicked or saved / searches of which hits were shown.
        saves: images saved, each once a search.
        not_similar: images called not similar, each once a search.
        by_day: every day of the period.
        by_position: of the image.
        by_query_kind: `image`, `part of an image`, `picture`, `part of a picture`.
        by_generation: that answered, those with the most images shown.
        by_arm: of experiments.
        by_tag: of the suggested image, those with the most images shown.
        left_out: events that do not count.
    """

    first: str
    last: str
    time_zone: str
    simulated: bool
    people: int
    ctr: Share
    time_spent: tuple[TimeSpent, ...]
    searches: int
    zero_results: Share
    abandoned: Share
    saves: int
    not_similar: int
    by_day: tuple[DayMetrics, ...]
    by_position: tuple[Group, ...]
    by_query_kind: tuple[Group, ...]
    by_generation: tuple[Group, ...]
    by_arm: tuple[Group, ...]
    by_tag: tuple[Group, ...]
    left_out: LeftOut


Mask = NDArray[np.bool_]


def online_metrics(
    table: EventTable,
    asked: Iterable[AskedQuery],
    period: Period,
    *,
    about: About = _NOTHING,
    simulated: bool = False,
    seed: int = 0,
) -> OnlineMetrics:
    """The metrics of a period.

    Args:
        table: the events of the period.
        asked: the searches of the period, with those that nobody followed.
        period: the days.
        about: what else is known.
        simulated: whether these are searches and events that no person made.
        seed: of the bootstrap.
    """
    seen = _Seen(table)
    days = local_days(table.at, period.zone)
    searches = [query for query in asked if query.simulated == simulated and query.id not in table.others]
    groups = _groups(table, seen, about)
    questions = {
        ("ctr", ""): seen.ctr(),
        ("abandoned", ""): seen.abandoned(),
        **{("time", unit): _time_per_active(table, number(days)) for unit, number in _UNITS.items()},
        **{(one, name): seen.ctr(mask) for one, members in groups.items() for name, mask in members},
    }
    found = dict(zip(questions, shares(questions.values(), seed=seed), strict=True))
    by_group = {
        one: tuple(
            Group(name=name, ctr=found[one, name], seconds=float(table.seconds[mask].sum())) for name, mask in members
        )
        for one, members in groups.items()
    }
    return OnlineMetrics(
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        time_zone=period.zone.key,
        simulated=simulated,
        people=len(np.unique(table.person)),
        ctr=found["ctr", ""],
        time_spent=tuple(_time_spent(unit, found["time", unit], period) for unit in _UNITS),
        searches=len(searches),
        zero_results=_zero_results(searches, seed),
        abandoned=found["abandoned", ""],
        saves=len(seen.first_of(InteractionKind.SAVE)),
        not_similar=len(seen.first_of(InteractionKind.NOT_SIMILAR)),
        by_day=_by_day(table, seen, days, period),
        left_out=table.left_out,
        **by_group,
    )


class _Seen:
    """Images by search: each counts as shown once, and as clicked once.

    Whatever was done with an image, it was shown: an impression may be missing because it came too late or because the
    period begins between the two.
    """

    def __init__(self, table: EventTable) -> None:
        self._table = table
        self._pair = table.query * max(len(table.images), 1) + table.image
        self.shown = np.unique(self._pair, return_index=True)[1]
        """[pairs of a search and an image], the event that is the first of each."""
        self.clicked = self.first_of(InteractionKind.CLICK)

    def first_of(self, kind: InteractionKind) -> Integers:
        """The first event of that kind for each pair of a search and an image that has one."""
        events = np.flatnonzero(self._table.only(kind))
        return events[np.unique(self._pair[events], return_index=True)[1]]

    def ctr(self, mask: Mask | None = None) -> Sums:
        """Images clicked and images shown of each person.

        Args:
            mask: [events], which of them are counted; None for all.
        """
        clicked, shown = (events if mask is None else events[mask[events]] for events in (self.clicked, self.shown))
        return Sums(self._by_person(clicked), self._by_person(shown))

    def abandoned(self) -> Sums:
        """Of each person, searches of which nothing was clicked or saved, and all of which something was shown."""
        table = self._table
        followed = np.unique(table.query[table.only(InteractionKind.CLICK) | table.only(InteractionKind.SAVE)])
        first = np.unique(table.query, return_index=True)[1]
        left = first[~np.isin(table.query[first], followed)]
        return Sums(self._by_person(left), self._by_person(first))

    def _by_person(self, events: Integers) -> Floats:
        return np.bincount(self._table.person[events], minlength=self._table.people).astype(np.float64)


_UNITS: Mapping[str, Callable[[Integers], Integers]] = {
    "day": lambda days: days,
    "week": weeks_of,
    "month": months_of,
}
"""The number of the period that each day is in."""


def _time_per_active(table: EventTable, number: Integers) -> Sums:
    """Of each person, the seconds spent, and in how many periods that person did something.

    Args:
        table: the events.
        number: [events], of the period.
    """
    pairs = np.unique(np.stack([table.person, number], axis=1), axis=0)
    active = np.bincount(pairs[:, 0], minlength=table.people).astype(np.float64)
    seconds = np.bincount(table.person, weights=table.seconds, minlength=table.people)
    return Sums(seconds.astype(np.float64), active)


def _time_spent(unit: str, per_person: Share, period: Period) -> TimeSpent:
    periods = len(np.unique(_UNITS[unit](period.numbers())))
    return TimeSpent(
        unit=unit,
        seconds=per_person.count,
        periods=periods,
        seconds_per_period=per_person.count / periods,
        active=int(per_person.of),
        per_person=per_person,
    )


def _zero_results(searches: Sequence[AskedQuery], seed: int) -> Share:
    """Nobody knows whose a search is that nobody followed: each one counts by itself."""
    nothing = np.asarray([query.hits == 0 for query in searches], dtype=np.float64)
    return shares([Sums(nothing, np.ones(len(searches)))], seed=seed)[0]


def _by_day(table: EventTable, seen: _Seen, days: Integers, period: Period) -> tuple[DayMetrics, ...]:
    numbers = period.numbers()
    place = days - numbers[0]

    def per_day(events: Integers, weights: Floats | None = None) -> NDArray[np.float64]:
        return np.bincount(place[events], weights=weights, minlength=len(numbers)).astype(np.float64)

    shown, clicks = per_day(seen.shown), per_day(seen.clicked)
    seconds = per_day(np.arange(len(days)), table.seconds)
    people = np.bincount(np.unique(np.stack([place, table.person], axis=1), axis=0)[:, 0], minlength=len(numbers))
    return tuple(
        DayMetrics(
            day=date_of(int(number)).isoformat(),
            shown=int(shown[at]),
            clicks=int(clicks[at]),
            ctr=float(clicks[at] / shown[at]) if shown[at] else None,
            seconds=float(seconds[at]),
            people=int(people[at]),
        )
        for at, number in enumerate(numbers)
    )


def _groups(table: EventTable, seen: _Seen, about: About) -> dict[str, list[tuple[str, Mask]]]:
    """By dimension: the name of each group, and which events it has."""
    of_query: dict[str, list[str | None]] = {
        "by_query_kind": [kind_of(query) for query in table.queries],
        "by_generation": [query.generation for query in table.queries],
        "by_arm": [about.arms.get(query.id) for query in table.queries],
    }
    groups: dict[str, list[tuple[str, Mask]]] = {"by_position": _by_position(table)}
    for dimension, names in of_query.items():
        groups[dimension] = _most_shown(_masks(names, table.query), seen)
    groups["by_tag"] = _most_shown(_tag_masks(table, about), seen)
    return groups


def kind_of(query: AskedQuery) -> str:
    """What was searched by."""
    what = "picture" if query.image_id is None else "image"
    return f"part of {'a' if what == 'picture' else 'an'} {what}" if query.cropped else what


def _by_position(table: EventTable) -> list[tuple[str, Mask]]:
    last = POSITIONS[-1][1]
    groups = [
        (str(low) if low == high else f"{low}-{high}", (table.position >= low) & (table.position <= high))
        for low, high in POSITIONS
    ]
    return [(name, mask) for name, mask in [*groups, (f"{last + 1}+", table.position > last)] if mask.any()]


def _masks(names: Sequence[str | None], number: Integers) -> list[tuple[str, Mask]]:
    """The events of each name.

    Args:
        names: of each search; None for no group.
        number: [events], of the search.
    """
    known = sorted({name for name in names if name is not None})
    places = {name: place for place, name in enumerate(known)}
    label = np.asarray([-1 if name is None else places[name] for name in names], dtype=np.int64)[number]
    return [(name, label == place) for name, place in places.items()]


def _tag_masks(table: EventTable, about: About) -> list[tuple[str, Mask]]:
    """An image that has several tags counts for each of them."""
    images: dict[str, list[int]] = {}
    for number, image_id in enumerate(table.images):
        for tag in about.tags.get(image_id, ()):
            images.setdefault(tag, []).append(number)
    return [(tag, np.isin(table.image, numbers)) for tag, numbers in sorted(images.items())]


def _most_shown(groups: list[tuple[str, Mask]], seen: _Seen) -> list[tuple[str, Mask]]:
    """Those with the most images shown first; not more than can be read."""
    shown = {name: int(np.count_nonzero(mask[seen.shown])) for name, mask in groups}
    ordered = sorted(groups, key=lambda group: (-shown[group[0]], group[0]))
    return [group for group in ordered if shown[group[0]]][:_MOST_GROUPS]
