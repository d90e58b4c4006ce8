"""What was shown: rankings are judged by clicks without favouring what was shown first."""

from dataclasses import replace
from datetime import UTC, datetime

from lookalike.training.examples.shown import SeenPairs, shown_pairs
from lookalike.types import Interaction, InteractionKind

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def event(search, image, rank, kind=InteractionKind.IMPRESSION, seconds=None):
    return Interaction(
        event_id=f"{search} {image} {kind}",
        query_id=search,
        image_id=image,
        position=rank,
        kind=kind,
        at=NOW,
        dwell_seconds=seconds,
    )


def test_a_click_without_an_impression_was_shown_and_the_longest_dwell_counts():
    events = [
        event("s", "i", 4, InteractionKind.CLICK),
        event("s", "i", 4, InteractionKind.DWELL, 3.0),
        event("s", "i", 4, InteractionKind.DWELL, 2.0),
    ]
    (pair,) = shown_pairs([("q", one) for one in events]).values()
    assert (pair.ranks, pair.clicked, pair.seconds) == ({"s": 4}, {"s"}, {"s": 3.0})
    assert SeenPairs().rates() == []


def biased_log(searches=200):
    """`second` answers as well as `first`, but only half of the people look at the second rank."""
    for number in range(searches):
        for rank, image in enumerate(["first", "second", "wrong"], start=1):
            yield "q", event(f"{number}", image, rank)
        if number % 2:
            yield "q", event(f"{number}", "first", 1, InteractionKind.CLICK)
        if number % 4 == 0:
            yield "q", event(f"{number}", "second", 2, InteractionKind.CLICK)


def seen(log, propensities, reviewed=None):
    return SeenPairs(pairs=shown_pairs(log), propensities=propensities, reviewed=reviewed or {})


def rates(propensities, reviewed=None):
    (found,) = seen(biased_log(), propensities, reviewed).rates()
    return dict(zip(found.images, found.grades, strict=True))


def test_rates_do_not_favour_what_was_shown_first_once_propensities_are_known():
    assert rates({1: 1.0, 2: 0.5, 3: 0.5}) == {"first": 5, "second": 5, "wrong": 0}
    assert rates({1: 1.0, 2: 1.0, 3: 1.0}) == {"first": 5, "second": 2, "wrong": 0}


def test_clicks_that_are_owed_to_trust_in_the_order_are_subtracted():
    """Half of the people click the first hit whatever it is; the second one answers."""

    def log():
        for number in range(20):
            for rank, image in enumerate(["wrong", "good"], start=1):
                yield "q", event(f"{number}", image, rank)
            if number % 2:
                yield "q", event(f"{number}", "wrong", 1, InteractionKind.CLICK)
            if number % 4 == 0:
                yield "q", event(f"{number}", "good", 2, InteractionKind.CLICK)

    def grades(offsets):
        (found,) = replace(seen(log(), {1: 1.0, 2: 0.5}), offsets=offsets).rates()
        return dict(zip(found.images, found.grades, strict=True))

    assert grades({}) == {"good": 5, "wrong": 5}
    assert grades({1: 0.5}) == {"good": 5, "wrong": 0}


def test_what_people_called_wrong_was_not_clicked():
    found = rates({1: 1.0, 2: 0.5, 3: 0.5}, {("q", "first"): False, ("q", "second"): True})
    assert found == {"first": 0, "second": 5, "wrong": 0}


def test_clicks_that_people_turned_away_from_do_not_count_where_dwells_are_known():
    def log():
        for number in range(10):
            for rank, image in enumerate(["good", "wrong"], start=1):
                yield "q", event(f"{number}", image, rank)
                yield "q", event(f"{number}", image, rank, InteractionKind.CLICK)
                yield "q", event(f"{number}", image, rank, InteractionKind.DWELL, 12.0 if image == "good" else 1.0)

    (found,) = seen(log(), {1: 1.0, 2: 1.0}).rates()
    assert dict(zip(found.images, found.grades, strict=True)) == {"good": 5, "wrong": 0}
