"""What an experiment has found so far, and whether it should stop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.catalog import Arm, Experiment, ExperimentKind, Outcome
from lookalike.feedback.experiments.credit import Credits, credit, satisfied_clicks
from lookalike.feedback.experiments.sequential import (
    INTERLEAVED_TUNED_FOR,
    AnytimeInterval,
    anytime_difference,
    anytime_mean,
)

RUNNING, BETTER, WORSE, UNDECIDED, HARMFUL = "running", "better", "worse", "undecided", "harmful"
"""Decisions: go on; the challenger is better; it is worse; nothing was found in time; a guard metric fell too far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A metric that must not fall: the experiment stops where its whole interval lies below the limit.

    Attributes:
        name: of the metric.
        difference: challenger - control, with its interval.
        limit: how low it may be.
    """

    name: str
    difference: AnytimeInterval
    limit: float

    @property
    def is_broken(self) -> bool:
        """Whether it surely fell below the limit."""
        return self.difference.high < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an experiment has found so far.

    Attributes:
        decision: `running`, `better`, `worse`, `undecided` or `harmful`.
        reason: in words.
        queries: that took part and were seen by somebody.
        effect: for interleaving, the mean preference of a query (-1 control, 1 challenger); for a split, the difference
            of the shares of searches with a click; None for swaps.
        credits: for interleaving.
        rates: share of searches with a click by arm.
        guards: metrics that must not fall.
    """

    decision: str
    reason: str
    queries: int
    effect: AnytimeInterval | None = None
    credits: Credits | None = None
    rates: dict[str, float]
    guards: tuple[Guard, ...] = ()


def analyse(experiment: Experiment, outcomes: Sequence[Outcome]) -> Verdict:
    """What an experiment has found so far. It may be asked at any time, as often as anybody likes.

    Args:
        experiment: with its plan.
        outcomes: of its queries; those that nobody saw are left out here, bots before.
    """
    seen = [one for one in outcomes if one.impressions or one.clicks]
    by_arm = {arm: [one for one in seen if one.assignment.arm is arm] for arm in Arm}
    rates = {arm.value: _rate(found) for arm, found in by_arm.items() if found}
    if experiment.kind is ExperimentKind.SWAP:
        return Verdict(decision=RUNNING, reason="swaps measure position bias", queries=len(seen), rates=rates)
    preferences: Credits | None = None
    guards: tuple[Guard, ...] = ()
    if experiment.kind is ExperimentKind.INTERLEAVE:
        satisfied = satisfied_clicks([one.clicks for one in seen], [dict(one.dwells) for one in seen])
        preferences = credit(zip((one.assignment.teams for one in seen), satisfied, strict=True))
        effect = anytime_mean(
            preferences.preferences,
            span=2.0,
            confidence=experiment.plan.confidence,
            tuned_for=INTERLEAVED_TUNED_FOR,
        )
    else:
        control, treated = by_arm[Arm.CONTROL], by_arm[Arm.TREATMENT]
        effect = anytime_difference(_clicked(control), _clicked(treated), confidence=experiment.plan.confidence)
        guards = _guards(experiment, control, treated)
    decision, reason = _decision(experiment, effect, guards, len(seen))
    return Verdict(
        decision=decision,
        reason=reason,
        queries=len(seen),
        effect=effect,
        credits=preferences,
        rates=rates,
        guards=guards,
    )


def _guards(experiment: Experiment, control: Sequence[Outcome], treated: Sequence[Outcome]) -> tuple[Guard, ...]:
    confidence = experiment.plan.confidence
    return (
        Guard(
            name="searches with a click",
            difference=anytime_difference(_clicked(control), _clicked(treated), confidence=confidence),
            limit=-experiment.plan.worst_guard,
        ),
    )


def _decision(
    experiment: Experiment, effect: AnytimeInterval, guards: Sequence[Guard], queries: int
) -> tuple[str, str]:
    broken = [guard.name for guard in guards if guard.is_broken]
    if broken:
        return HARMFUL, f"{', '.join(broken)} fell by more than {experiment.plan.worst_guard:g}"
    if effect.low > 0:
        return BETTER, f"the interval of {experiment.challenger} against {experiment.control} is above zero"
    if effect.high < 0:
        return WORSE, f"the interval of {experiment.challenger} against {experiment.control} is below zero"
    if queries >= experiment.plan.most_queries:
        return UNDECIDED, f"{queries:,} queries were seen, and the interval still contains zero"
    least = experiment.plan.least_effect
    if max(abs(effect.low), abs(effect.high)) < least:
        return UNDECIDED, f"the difference is smaller than {least:g}, which is the least that matters"
    return RUNNING, "the interval still contains zero"


def _clicked(outcomes: Sequence[Outcome]) -> list[float]:
    return [float(bool(one.clicks)) for one in outcomes]


def _rate(outcomes: Sequence[Outcome]) -> float:
    return float(np.mean(_clicked(outcomes)))
