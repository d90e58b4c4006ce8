"""No click that means nothing is learnt from, and every click is accounted for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalog import QueryRecord
from lookalike.training.examples import (
    ClickRules,
    GradedQuery,
    Pair,
    PairSource,
    click_pairs,
    graded_by_clicks,
)
from lookalike.types import Box, Interaction, InteractionKind
from training.examples.made_pairs import NOW


class Log:
    """Searches and what was done with their hits."""

    def __init__(self):
        self.queries, self.events = [], []

    def search(self, name, image, shown, clicked, *, user="u", simulated=False, crop=None, every=20.0):
        self.queries.append(
            QueryRecord(id=name, generation="g", ranked_ids=tuple(shown), at=NOW, image_id=image, crop=crop)
        )
        for rank, one in enumerate(shown, start=1):
            self._event(name, one, rank, InteractionKind.IMPRESSION, 0, user, simulated)
        for number, one in enumerate(clicked):
            self._event(name, one, shown.index(one) + 1, InteractionKind.CLICK, every * number, user, simulated)

    def _event(self, query, image, rank, kind, seconds, user, simulated):
        self.events.append(
            Interaction(
                event_id=f"{len(self.events)}",
                query_id=query,
                image_id=image,
                position=rank,
                kind=kind,
                at=NOW + timedelta(seconds=len(self.queries) * 100 + seconds),
                user_id=user,
                simulated=simulated,
            )
        )

    def pairs(self, owners=None, **rules):
        return click_pairs(self.queries, self.events, owners=owners, rules=ClickRules(**rules))


def test_a_pair_needs_enough_searches_and_what_stood_above_is_its_hard_negative():
    log = Log()
    log.search("1", "q", ["a", "b", "c", "d"], ["c"])
    log.search("2", "q", ["b", "a", "c", "d"], ["c", "b"])
    log.search("3", "q", ["b", "c", "a"], ["c", "c"])
    made = log.pairs(least_clicks=2)
    (only,) = made.pairs
    assert (only.query, only.positive, only.source, only.weight) == ("q", "c", PairSource.CLICKS, 3.0)
    assert only.hard_negatives == ("a",)  # b was clicked once, d stood below
    assert (made.clicks, made.used, made.repeated, made.too_few) == (5, 3, 1, 1)


def test_clicks_that_say_nothing_are_left_out_and_counted():
    log = Log()
    log.search("1", "q", ["q", "a", "mine"], ["q", "mine"], user="me")
    log.search("2", None, ["a"], ["a"])
    log.search("3", "q", ["a"], ["a"], crop=Box(x=0, y=0, width=0.5, height=0.5))
    log.search("4", "q", ["a"], ["a"], simulated=True)
    log.search("5", "q", [f"{number}" for number in range(40)], [f"{n}" for n in range(40)], user="bot", every=0.5)
    made = log.pairs(owners={"mine": "me"}, least_clicks=1)
    assert made.pairs == ()
    assert (made.on_own, made.without_image, made.simulated, made.by_bots) == (2, 2, 1, 40)
    assert made.clicks == 45


def test_simulated_clicks_are_used_when_asked_for_and_say_so():
    log = Log()
    log.search("1", "q", ["a", "b"], ["a"], simulated=True)
    log.search("2", "q", ["a", "b"], ["b"])
    made = log.pairs(include_simulated=True, least_clicks=1)
    assert [(one.positive, one.source) for one in made.pairs] == [
        ("a", PairSource.SIMULATED_CLICKS),
        ("b", PairSource.CLICKS),
    ]


def test_a_click_far_down_weighs_more_up_to_a_bound():
    log = Log()
    log.search("1", "q", ["a", "b", "c", "d"], ["a", "b", "d"])
    made = log.pairs(least_clicks=1, propensities=(1.0, 0.5, 0.01), most_weight=4.0)
    assert {one.positive: one.weight for one in made.pairs} == {"a": 1.0, "b": 2.0, "d": 4.0}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["q", "p", None]),
            st.lists(st.sampled_from("abcdeqp"), min_size=1, max_size=5, unique=True),
            st.integers(0, 2**5 - 1),
            st.sampled_from(["u", "v", None]),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.integers(1, 3),
)
def test_every_click_is_accounted_for_and_no_positive_is_a_hard_negative(searches, least):
    log = Log()
    for number, (image, shown, clicked, user, simulated) in enumerate(searches):
        chosen = [one for place, one in enumerate(shown) if clicked >> place & 1]
        log.search(f"{number}", image, shown, chosen, user=user, simulated=simulated)
    made = log.pairs(owners={"a": "u"}, least_clicks=least)
    left_out = made.simulated + made.by_bots + made.on_own + made.without_image + made.repeated + made.too_few
    assert made.used + left_out == made.clicks
    positives = {(one.query, one.positive) for one in made.pairs}
    assert not any((one.query, negative) in positives for one in made.pairs for negative in one.hard_negatives)
    assert all(one.query != one.positive for one in made.pairs)


@pytest.mark.parametrize(
    "wrong", [{"propensities": (0.5, 0.0)}, {"offsets": (1.0,)}, {"least_clicks": 0}, {"most_weight": 0.5}]
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        ClickRules(**wrong)


def test_clicks_become_grades_by_how_often_beside_the_most_clicked():
    def pair(positive, weight, passed_over=()):
        return Pair(query="q", positive=positive, source=PairSource.CLICKS, weight=weight, hard_negatives=passed_over)

    found = graded_by_clicks([pair("a", 10.0, ("z", "y")), pair("b", 4.0, ("y",)), pair("c", 2.0), pair("d", 1.0)])
    assert found == [GradedQuery(query="q", images=("a", "b", "c", "d", "y", "z"), grades=(3, 3, 2, 1, 0, 0))]
    assert graded_by_clicks([]) == []


def test_rates_are_of_all_that_was_shown_to_people_and_corrected_by_propensities():
    log = Log()
    log.search("1", "q", ["a", "b", "c"], ["a", "b"])
    log.search("2", "q", ["a", "b", "c"], ["a"])
    log.search("3", "q", ["a", "b", "c"], ["c"], simulated=True)
    (by_position,) = log.pairs(propensities=(1.0, 0.5, 0.25)).seen.rates()
    assert (by_position.query, by_position.images, by_position.grades) == ("q", ("a", "b", "c"), (5, 5, 0))
    (as_they_are,) = log.pairs().seen.rates()
    assert as_they_are.grades == (5, 2, 0)


def test_a_pair_that_is_clicked_no_more_than_trust_explains_is_left_out_unless_people_confirmed_it():
    log = Log()
    for number in range(4):
        log.search(f"{number}", "q", ["a", "b"], [["a", "b"], ["b"], [], []][number])
    bias = {"least_clicks": 1, "propensities": (1.0, 0.5), "offsets": (0.5, 0.1)}
    made = log.pairs(**bias)
    assert [(pair.positive, pair.weight) for pair in made.pairs] == [("b", pytest.approx(2 / 0.5 - 4 * 0.1 / 0.5))]
    assert (made.used, made.too_few) == (2, 1)
    confirmed = log.pairs(**bias, reviewed={("q", "a"): True}).pairs
    assert [(pair.positive, pair.weight) for pair in confirmed] == [("a", 1.0), ("b", pytest.approx(3.2))]
