"""What may be learnt from: no leak between parts, no false negative, no click that means nothing."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalog import QueryRecord
from lookalike.errors import TrainingRefused
from lookalike.training.chance import chance_for
from lookalike.training.examples import (
    ClickRules,
    GradedQuery,
    Ingredient,
    Mixture,
    NegativeSampler,
    Pair,
    PairSource,
    Part,
    SplitShares,
    click_pairs,
    graded_by_clicks,
    graded_queries,
    group_numbers,
    joined_groups,
    near_duplicate_groups,
    pairs_by_grade,
    self_supervised_pairs,
    split,
    triplets_by_grade,
    without_low_grades,
)
from lookalike.types import Box, Grade, Interaction, InteractionKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
names = st.sampled_from([f"image{number:02}" for number in range(30)])
some_pairs = st.lists(st.tuples(names, names), max_size=40)


def pair(query, positive, *, source=PairSource.GRADES, weight=1.0, hard=()):
    return Pair(query=query, positive=positive, source=source, weight=weight, hard_negatives=tuple(hard))


# -- groups


@given(some_pairs)
def test_groups_are_the_connected_parts(pairs):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, pairs)
    reached = {name: {name} for name in everything}
    for _ in everything:  # a slow closure
        for first, second in pairs:
            union = reached[first] | reached[second]
            for name in union:
                reached[name] = union
    assert groups == {name: min(reached[name]) for name in everything}


def test_near_duplicates_need_both_witnesses_and_chain():
    vectors = np.eye(6, dtype=np.float32)
    vectors[1] = vectors[2] = vectors[3] = vectors[0]
    hashes = np.array([0, 0b111, 0b111111111, 0xFFFF << 48, 0, 0], np.uint64)  # 0-1 and 1-2 are near, 0-2 is not
    groups = near_duplicate_groups(list("abcdef"), hashes, vectors, most_bits=6)
    assert groups == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "e", "f": "f"}
    assert group_numbers(["c", "d", "a", "zz"], groups).tolist() == [0, 1, 0, 2]


def test_groups_do_not_depend_on_the_block_in_which_images_stand():
    count = 2_500
    hashes = np.arange(count, dtype=np.uint64) << np.uint64(20)
    vectors = np.tile(np.array([1, 0], np.float32), (count, 1))
    hashes[2_400], vectors[2_400] = hashes[3], vectors[3]
    ids = [f"{number:05}" for number in range(count)]
    groups = near_duplicate_groups(ids, hashes, vectors, most_bits=0)
    assert groups["02400"] == "00003"
    assert len(set(groups.values())) == count - 1


# -- splits


@given(some_pairs, some_pairs, st.integers(0, 100), st.floats(0, 0.49), st.floats(0, 0.49))
def test_no_part_shows_an_image_of_another_part_nor_its_near_duplicates(together, learnt, seed, validation, test):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, together)
    divided = split(everything, groups, SplitShares(validation=validation, test=test, seed=seed))
    pairs = [pair(query, positive, hard=everything[:9]) for query, positive in learnt]
    graded = [GradedQuery(query=query, images=tuple(everything), grades=(3,) * 30) for query in everything[:5]]
    shown = {}
    for part in Part:
        kept = divided.pairs(pairs, part)
        named = {image for one in kept for image in one.images}
        named |= {image for one in divided.graded(graded, part) for image in (one.query, *one.images)}
        shown[part] = {groups[image] for image in named}
        assert {one.query for one in kept} <= set(divided.queries(everything, part))
        assert named <= set(divided.images(part))
    assert not shown[Part.TRAIN] & shown[Part.TEST]
    assert not shown[Part.TRAIN] & shown[Part.VALIDATION]
    assert not shown[Part.VALIDATION] & shown[Part.TEST]
    assert sorted(sum((divided.images(part) for part in Part), ())) == everything


def test_shares_are_kept_and_new_images_move_no_old_ones():
    some = [f"{number}" for number in range(4_000)]
    before = split(some[:3_000], {}, SplitShares(validation=0.1, test=0.2))
    after = split(some, {}, SplitShares(validation=0.1, test=0.2))
    assert all(after.parts[one] is part for one, part in before.parts.items())
    counts = Counter(after.parts.values())
    assert counts[Part.TEST] / 4_000 == pytest.approx(0.2, abs=0.03)
    assert counts[Part.VALIDATION] / 4_000 == pytest.approx(0.1, abs=0.03)
    assert split(some, {}, SplitShares(seed=1)).parts != split(some, {}, SplitShares(seed=2)).parts


def test_shares_must_leave_something_to_train_on():
    with pytest.raises(ValueError, match="below 1"):
        SplitShares(validation=0.5, test=0.5)


# -- negatives


@given(some_pairs, some_pairs, st.integers(2, 6), st.integers(0, 1_000))
def test_an_example_has_its_positive_where_the_label_says_and_only_true_negatives(together, learnt, count, seed):
    everything = [f"image{number:02}" for number in range(30)]
    groups = joined_groups(everything, together)
    pairs = [pair(query, positive, hard=everything[:4]) for query, positive in learnt]
    sampler = NegativeSampler(everything, pairs, groups)
    for number, one in enumerate(pairs):
        answers = {groups[other.positive] for other in pairs if groups[other.query] == groups[one.query]}
        barred = answers | {groups[one.query]}
        if sum(groups[name] not in barred for name in everything) < count - 1:
            with pytest.raises(TrainingRefused, match="may be negatives"):
                sampler.example(one, candidates=count, chance=chance_for(seed, number))
            continue
        example = sampler.example(one, candidates=count, chance=chance_for(seed, number))
        assert len(set(example.candidates)) == count
        assert example.candidates[example.label] == one.positive
        negatives = {name for place, name in enumerate(example.candidates) if place != example.label}
        assert not {groups[name] for name in negatives} & barred
        hard = [name for name in everything[:4] if groups[name] not in barred]
        assert set(hard[: count - 1]) <= negatives
        assert example == sampler.example(one, candidates=count, chance=chance_for(seed, number))


def test_the_positive_stands_anywhere():
    sampler = NegativeSampler("abcdefgh", [], {})
    labels = {sampler.example(pair("a", "b"), candidates=4, chance=chance_for(number)).label for number in range(60)}
    assert labels == {0, 1, 2, 3}


# -- mixtures


def test_a_mixture_keeps_shares_and_weights():
    clicks = [pair("a", "b", source=PairSource.CLICKS, weight=3), pair("a", "c", source=PairSource.CLICKS, weight=1)]
    grades = [pair("a", "d")]
    mixture = Mixture({"clicks": Ingredient(pairs=clicks, share=2), "grades": Ingredient(pairs=grades, share=1)})
    drawn = Counter(one.positive for one in mixture.draw(12_000, step=0))
    assert drawn["d"] / 12_000 == pytest.approx(1 / 3, abs=0.03)
    assert drawn["b"] / 12_000 == pytest.approx(1 / 2, abs=0.03)
    assert drawn["c"] / 12_000 == pytest.approx(1 / 6, abs=0.03)


def test_what_a_step_draws_depends_on_seed_and_step_alone():
    ingredients = {"self": Ingredient(pairs=self_supervised_pairs("abcdefghij"))}
    first, again = Mixture(ingredients, seed=1), Mixture(ingredients, seed=1)
    again.draw(5, step=0)
    assert first.draw(5, step=7) == again.draw(5, step=7)
    assert first.draw(20, step=7) != first.draw(20, step=8)
    assert first.draw(20, step=7) != Mixture(ingredients, seed=2).draw(20, step=7)


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(TrainingRefused, match="nothing to learn from"):
        Mixture({})
    with pytest.raises(TrainingRefused, match="clicks: there is no pair"):
        Mixture({"clicks": Ingredient(pairs=[])})
    with pytest.raises(TrainingRefused, match="above 0"):
        Mixture({"grades": Ingredient(pairs=[pair("a", "b", weight=0.0)])})


# -- grades


def grade(query, image, value, **options):
    return Grade(query_image_id=query, image_id=image, grade=value, at=NOW, **options)


def test_graded_queries_take_the_lower_median_and_tell_crops_from_whole_images():
    crop = Box(x=0, y=0, width=0.5, height=0.5)
    given_ = [grade("q", "a", value, user_id=str(value)) for value in (5, 1, 2, 4)]
    given_ += [
        grade("q", "b", 3),
        grade("q", "q", 5),
        grade("q", "c", 5, crop=crop),
        grade("q", "q", 4, crop=crop),
        grade("p", "a", 0),
    ]
    assert graded_queries(given_) == [
        GradedQuery(query="p", images=("a",), grades=(0,)),
        GradedQuery(query="q", images=("a", "b"), grades=(2, 3)),
        GradedQuery(query="q#xywh=percent:0,0,50,50", images=("c", "q"), grades=(5, 4)),
    ], "an image answers a part of itself, but not itself"


def test_pairs_by_grade_take_high_grades_and_lower_ones_as_hard_negatives():
    query = GradedQuery(query="q", images=tuple("abcd"), grades=(5, 3, 2, 0))
    made = pairs_by_grade([query], least=3)
    assert [(one.positive, one.weight, one.hard_negatives) for one in made] == [
        ("a", 1.0, ("c", "d")),
        ("b", 0.6, ("c", "d")),
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(1, 5))
def test_triplets_are_all_pairs_that_differ_enough(grades, difference):
    images = tuple(f"{place}" for place in range(len(grades)))
    made = triplets_by_grade([GradedQuery(query="q", images=images, grades=tuple(grades))], least_difference=difference)
    expected = {("q", a, b) for a in images for b in images if grades[int(a)] - grades[int(b)] >= difference}
    assert set(made) == expected
    assert len(made) == len(expected)


def test_clicks_that_people_graded_low_are_dropped():
    query = GradedQuery(query="q", images=("a", "b"), grades=(1, 4))
    kept = without_low_grades([pair("q", "a"), pair("q", "b"), pair("q", "c"), pair("p", "a")], [query])
    assert [(one.query, one.positive) for one in kept] == [("q", "b"), ("q", "c"), ("p", "a")]


# -- clicks


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


@pytest.mark.parametrize("wrong", [{"propensities": (0.5, 0.0)}, {"least_clicks": 0}, {"most_weight": 0.5}])
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        ClickRules(**wrong)


def test_clicks_become_grades_by_how_often_beside_the_most_clicked():
    def pair(positive, weight, passed_over=()):
        return Pair(query="q", positive=positive, source=PairSource.CLICKS, weight=weight, hard_negatives=passed_over)

    found = graded_by_clicks([pair("a", 10.0, ("z", "y")), pair("b", 4.0, ("y",)), pair("c", 2.0), pair("d", 1.0)])
    assert found == [GradedQuery(query="q", images=("a", "b", "c", "d", "y", "z"), grades=(3, 3, 2, 1, 0, 0))]
    assert graded_by_clicks([]) == []
