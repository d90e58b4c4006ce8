"""What follows from scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import CallerError
from lookalike.indexing import ModerationRules
from lookalike.types import ModerationState

RULES = ModerationRules.parse("nsfw/explicit:blur=0.3|hold=0.6|block=0.95, nsfw/gore: hold = 0.5 , other/text:block=1")
QUIET = {"nsfw/explicit": 0.0, "nsfw/gore": 0.0, "other/text": 0.0}


@pytest.mark.parametrize(
    ("score", "state"),
    [(0.0, "shown"), (0.29, "shown"), (0.3, "blurred"), (0.6, "held"), (0.94, "held"), (0.95, "blocked")],
)
def test_a_score_reaches_a_state(score, state):
    verdict = RULES.verdict(QUIET | {"nsfw/explicit": score})
    assert verdict.state == state
    assert ("nsfw/explicit" in verdict.reason) == (state != "shown")


@given(st.fixed_dictionaries(dict.fromkeys(QUIET, st.floats(0, 1))), st.booleans())
def test_the_strongest_of_all_labels_holds(scores, untrusted):
    rules = ModerationRules(thresholds=RULES.thresholds, hold_untrusted=True)
    order = list(ModerationState)
    asked = [
        state for label, least in RULES.thresholds.items() for state, score in least.items() if scores[label] >= score
    ]
    asked += [ModerationState.HELD] if untrusted else []
    strongest = max(asked, key=order.index, default=ModerationState.SHOWN)
    assert rules.verdict(scores, untrusted=untrusted).state is strongest


def test_classifiers_are_those_that_rules_name():
    assert RULES.classifiers == ("nsfw", "other")
    assert not ModerationRules.parse("")
    assert ModerationRules.parse("", hold_untrusted=True).classifiers == ()


@pytest.mark.parametrize(
    "text",
    [
        "explicit:hold=0.5",
        "nsfw/explicit",
        "nsfw/explicit:",
        "nsfw/explicit:hide=0.5",
        "nsfw/explicit:hold=much",
        "nsfw/explicit:hold=0",
        "nsfw/explicit:hold=1.01",
        "nsfw/explicit:hold=nan",
        "/explicit:hold=1",
        "nsfw/:hold=1",
        "nsfw/a:hold=0.5, nsfw/a:blur=0.1",
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_an_example(text):
    with pytest.raises(CallerError, match="moderation: "):
        ModerationRules.parse(text)
