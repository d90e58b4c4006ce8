from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from feedback.fixed_log import BOB, DAYS, EVENTS, SEARCHES, TIME_SPENT, A, B, C, D, asked, at, event
from lookalike.catalog import AskedQuery
from lookalike.feedback.event_table import LeftOut, event_table
from lookalike.feedback.online_metrics import About, Period, online_metrics
from lookalike.types import Interaction, InteractionKind

BERLIN = ZoneInfo("Europe/Berlin")
PERIOD = Period(first=date(2026, 10, 24), last=date(2026, 11, 1), zone=BERLIN)
ASKED = [asked(record) for record in SEARCHES]
ABOUT = About(tags={A: ("shoe", "brown"), D: ("shoe",)}, arms={"q1": "old", "q5": "new"})


def metrics(events=EVENTS, period=PERIOD, *, simulated=False, about=ABOUT):
    table = event_table(sorted(events, key=lambda one: one.at), ASKED, simulated=simulated)
    return online_metrics(table, ASKED, period, about=about, simulated=simulated)


@pytest.fixture(scope="module")
def found():
    return metrics()


def ratio(share):
    return share.count, share.of, share.value


def test_the_click_through_rate_is_as_worked_out_by_hand(found):
    assert ratio(found.ctr) == (3, 6, 0.5)  # A, A and D of A, B, A, C, E and D
    assert found.people == 2
    assert (found.ctr.low, found.ctr.high) == (None, None)  # of two people


def test_time_spent_is_as_worked_out_by_hand(found):
    told = [
        (one.unit, one.seconds, one.periods, one.seconds_per_period, one.active, one.per_person.value)
        for one in found.time_spent
    ]
    assert told == TIME_SPENT


def test_each_day_is_as_worked_out_by_hand(found):
    assert [(one.day, one.shown, one.clicks, one.seconds, one.people) for one in found.by_day] == DAYS
    assert [one.ctr for one in found.by_day][:3] == [0.0, 1.0, 0.0]
    assert found.by_day[-1].ctr is None


def test_days_are_other_ones_in_another_zone():
    in_utc = metrics(period=replace(PERIOD, last=date(2026, 10, 31), zone=ZoneInfo("UTC")))
    shown = {one.day: (one.shown, one.clicks) for one in in_utc.by_day if one.people}
    assert shown == {"2026-10-24": (2, 1), "2026-10-25": (2, 1), "2026-10-26": (1, 0), "2026-10-31": (1, 1)}


def test_searches_without_a_result_or_a_click(found):
    assert found.searches == 5  # not the robot's, nor the simulated one
    made = [replace(one, simulated=True) if one.query_id == "q3" else one for one in EVENTS]
    assert metrics(made).searches == 4  # a search of which only simulated events are known is no person's
    assert ratio(found.zero_results) == (1, 5, 0.2)
    assert ratio(found.abandoned) == (1, 4, 0.25)  # q3 of q1, q2, q3 and q5
    assert (found.saves, found.not_similar) == (1, 1)


def groups(members):
    return {group.name: (group.ctr.count, group.ctr.of, group.seconds) for group in members}


def test_groups(found):
    assert groups(found.by_position) == {
        "1": (2, 2, 90.0), "2": (0, 1, 0.0), "3": (0, 1, 0.0), "4": (1, 1, 120.0), "5": (0, 1, 0.0),
    }  # fmt: skip
    assert groups(found.by_query_kind) == {
        "image": (2, 3, 180.0), "picture": (1, 2, 30.0), "part of an image": (0, 1, 0.0),
    }  # fmt: skip
    assert groups(found.by_generation) == {"g1": (2, 4, 90.0), "g2": (1, 2, 120.0)}
    assert groups(found.by_arm) == {"old": (1, 2, 60.0), "new": (1, 1, 120.0)}
    assert groups(found.by_tag) == {"shoe": (3, 3, 210.0), "brown": (2, 2, 90.0)}


def test_what_does_not_count(found):
    assert found.left_out == LeftOut(other_origin=1, bots=31, query_itself=2, unknown_query=0)
    unknown = metrics([*EVENTS, replace(event("q1", B, "click", "10-29T10:00:00", **BOB), query_id="forgotten")])
    assert unknown.left_out.unknown_query == 1
    assert unknown.ctr == found.ctr


def test_thirty_clicks_in_a_minute_are_a_persons():
    clicks = [one for one in EVENTS if one.client_id == "robot"][:30]
    assert metrics(clicks).left_out.bots == 0
    later = [*clicks, event("q6", A, "click", "10-28T10:01:00", client_id="robot")]
    assert metrics(later).left_out.bots == 31
    spread = [*clicks, event("q6", A, "click", "10-28T10:01:01", client_id="robot")]
    assert metrics(spread).left_out.bots == 0


def test_simulated_events_are_counted_apart():
    made = metrics(simulated=True)
    assert made.simulated
    assert (made.people, made.saves, made.searches) == (1, 1, 1)
    assert made.left_out.other_origin == len(EVENTS) - 1
    assert ratio(made.zero_results) == (1, 1, 1.0)


def test_nothing_is_not_nought():
    empty = metrics([])
    assert empty.ctr.value is empty.abandoned.value is None
    assert [one.per_person.value for one in empty.time_spent] == [None] * 3
    assert [one.seconds_per_period for one in empty.time_spent] == [0.0] * 3
    assert empty.by_position == empty.by_tag == ()


def test_events_may_come_in_any_order():
    shuffled = [EVENTS[place] for place in np.random.default_rng(3).permutation(len(EVENTS))]
    assert metrics(shuffled) == metrics()


def test_of_a_click_without_its_impression_it_is_known_that_it_was_shown():
    assert ratio(metrics([event("q1", C, "click", "10-25T10:00:00", **BOB)]).ctr) == (1, 1, 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_against_counting_in_loops(seed):
    random = np.random.default_rng(seed)
    queries = [
        AskedQuery(
            id=f"q{n}", generation=f"g{n % 2}", at=at("10-24T12:00:00"), image_id=A if n % 3 else None,
            cropped=bool(n % 2), hits=n % 4, simulated=False,
        )
        for n in range(6)
    ]  # fmt: skip
    events = [
        Interaction(
            event_id=str(n), query_id=f"q{random.integers(6)}", image_id=[A, B, C][random.integers(3)],
            position=int(random.integers(1, 70)), kind=(kind := list(InteractionKind)[random.integers(5)]),
            at=at("10-24T00:00:00") + timedelta(minutes=int(random.integers(8 * 1440))),
            dwell_seconds=float(random.integers(100)) if kind is InteractionKind.DWELL else None,
            session_id=f"s{random.integers(5)}",
        )
        for n in range(150)
    ]  # fmt: skip
    events.sort(key=lambda one: one.at)
    period = replace(PERIOD, last=date(2026, 11, 2))
    found = online_metrics(event_table(events, queries), queries, period)
    query_image = {query.id: query.image_id for query in queries}
    counted = [one for one in events if one.image_id != query_image[one.query_id]]
    shown = {(one.query_id, one.image_id) for one in counted}
    clicked = {(one.query_id, one.image_id) for one in counted if one.kind is InteractionKind.CLICK}
    followed = {one.query_id for one in counted if one.kind in (InteractionKind.CLICK, InteractionKind.SAVE)}
    assert ratio(found.ctr)[:2] == (len(clicked), len(shown))
    assert ratio(found.abandoned)[:2] == (
        len({query for query, _ in shown} - followed),
        len({query for query, _ in shown}),
    )
    per_day: dict[str, float] = defaultdict(float)
    active = set()
    for one in counted:
        day = one.at.astimezone(BERLIN).date().isoformat()
        per_day[day] += one.dwell_seconds or 0
        active.add((one.session_id, day))
    assert {one.day: one.seconds for one in found.by_day if one.people} == per_day
    assert found.time_spent[0].active == len(active)
    by_generation = defaultdict(lambda: [0, 0])
    generation = {query.id: query.generation for query in queries}
    for pair in shown:
        by_generation[generation[pair[0]]][1] += 1
        by_generation[generation[pair[0]]][0] += pair in clicked
    assert {group.name: [group.ctr.count, group.ctr.of] for group in found.by_generation} == by_generation
