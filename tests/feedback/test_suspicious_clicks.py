from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lookalike.feedback.suspicious_clicks import ClickedPair, clicked_pairs, counts_by_reason, suspicious_pairs
from lookalike.types import Interaction, InteractionKind

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
QUERIES = {f"s{number}": "q" for number in range(20)}


def event(search, image, kind=InteractionKind.CLICK, user="ann", *, simulated=False, after=0.0):
    return Interaction(
        event_id=f"{search} {image} {kind} {user}",
        query_id=search,
        image_id=image,
        position=1,
        kind=kind,
        at=NOON + timedelta(minutes=int(search[1:]), seconds=after),
        user_id=user,
        simulated=simulated,
    )


def pair(image="i", **changes):
    usual = ClickedPair(
        query="q", image=image, shown=10, clicked=5, clients=frozenset({"ann", "bob"}), unlike=0, cosine=0.9
    )
    return replace(usual, **changes)


def reasons(*pairs):
    return {one.pair.image: one.reasons for one in suspicious_pairs(pairs)}


def test_searches_are_counted_once_for_each_pair():
    events = [
        *(event(f"s{number}", "i", InteractionKind.IMPRESSION) for number in range(4)),
        event("s0", "i"),
        event("s0", "i", user="bob"),
        event("s1", "i"),
        event("s2", "i", InteractionKind.NOT_SIMILAR),
        event("s3", "j", InteractionKind.IMPRESSION),
        event("s3", "q"),
        event("s4", "k", simulated=True),
    ]
    (found,) = clicked_pairs(QUERIES, events)
    assert (found.query, found.image, found.shown, found.clicked, found.unlike) == ("q", "i", 4, 2, 1)
    assert found.clients == {"ann", "bob"}
    assert {one.image for one in clicked_pairs(QUERIES, events, include_simulated=True)} == {"i", "k"}


def test_clicks_of_programs_and_of_other_searches_are_left_out():
    program = [event("s0", f"i{number}", user="bot", after=number) for number in range(40)]
    assert clicked_pairs(QUERIES, [*program, event("s0", "i")])[0].image == "i"
    assert clicked_pairs({}, [event("s0", "i")]) == []


def test_each_reason_is_told():
    usual = [pair(f"u{number}", cosine=0.5 + number / 100) for number in range(20)]
    found = reasons(
        *usual,
        pair("unlike", unlike=1),
        pair("alone", clicked=3, clients=frozenset({"ann"})),
        pair("far", cosine=0.1),
        pair("rare", clicked=1),
    )
    assert found["unlike"] == ("conflicting",)
    assert found["alone"] == ("one-client",)
    assert found["far"] == ("far",)
    assert found["rare"] == ("rare",)
    assert "u19" not in found


def test_few_searches_and_unnamed_clients_raise_no_suspicion():
    assert reasons(pair("a", shown=3, clicked=1, cosine=None)) == {}
    assert reasons(pair("b", clicked=5, clients=frozenset(), cosine=None)) == {}
    assert reasons(pair("c", shown=100, clicked=10, cosine=None)) == {"c": ("rare",)}
    assert reasons(pair("d", shown=100, clicked=11, cosine=None)) == {}


def test_what_has_more_and_stronger_reasons_comes_first():
    worst = pair("worst", unlike=2, clicked=1, cosine=None)
    order = suspicious_pairs([pair("rare", clicked=1, cosine=None), pair("unlike", unlike=1, cosine=None), worst])
    assert [one.pair.image for one in order] == ["worst", "unlike", "rare"]
    assert counts_by_reason(order) == {"conflicting": 2, "one-client": 0, "far": 0, "rare": 2}
