"""A population of simulated users, and what they do in many sessions at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.simulation.click_models import ClickModel, Flags, Shares

NOTHING = -1
"""In place of a grade: no hit is shown there."""

_GRADES = 6


@dataclass(frozen=True, kw_only=True)
class Population:
    """Who searches.

    Attributes:
        appeal: probability that a hit of each grade, 0 to 5, is clicked once it is looked at.
        noise: share of all clicks that are mistakes: on the shown hits that appeal least.
        bots: share of sessions in which a program clicks nearly everything.
        users: how many people there are.
        dwell_seconds: median time that a clicked hit of each grade is looked at.
        dwell_spread: standard deviation of the logarithm of that time.

    Raises:
        ValueError: a number outside its range.
    """

    appeal: tuple[float, ...] = (0.02, 0.05, 0.15, 0.35, 0.6, 0.8)
    noise: float = 0.0
    bots: float = 0.0
    users: int = 200
    dwell_seconds: tuple[float, ...] = (2.0, 3.0, 5.0, 9.0, 15.0, 22.0)
    dwell_spread: float = 0.8

    def __post_init__(self) -> None:
        if len(self.appeal) != _GRADES or any(not 0 <= one <= 1 for one in self.appeal):
            raise ValueError(f"appeal {self.appeal}: six probabilities are needed, one for each grade from 0 to 5")
        if len(self.dwell_seconds) != _GRADES or min(self.dwell_seconds) <= 0 or self.dwell_spread < 0:
            raise ValueError(f"dwell_seconds {self.dwell_seconds}: six times above 0 are needed, one for each grade")
        if not 0 <= self.noise < 1 or not 0 <= self.bots <= 1:
            raise ValueError(f"noise {self.noise} and bots {self.bots} must be shares, the noise below 1")
        if self.users < 1:
            raise ValueError(f"users {self.users}: at least one is needed")


@dataclass(frozen=True, kw_only=True)
class SimulatedSessions:
    """What was done in each session.

    Attributes:
        examined: [sessions, places], hits that were looked at.
        clicked: [sessions, places].
        dwell_seconds: [sessions, places] float64; NaN where nothing was clicked.
        users: [sessions] int64, from 0.
        bots: [sessions], sessions of programs.
    """

    examined: Flags
    clicked: Flags
    dwell_seconds: Shares
    users: NDArray[np.int64]
    bots: Flags


def simulate_sessions(
    grades: NDArray[np.integer], model: ClickModel, population: Population, rng: np.random.Generator
) -> SimulatedSessions:
    """Let people look at lists of hits.

    Args:
        grades: [sessions, places], how well each hit answers, 0 to 5; `NOTHING` where no hit is shown.
        model: how people look and click.
        population: who they are.
        rng: of all draws: the same seed gives the same sessions.
    """
    shown = grades != NOTHING
    appeal = np.where(shown, np.asarray(population.appeal)[np.maximum(grades, 0)], 0.0)
    examined, clicked = model.clicks(appeal, rng)
    examined &= shown
    clicked &= shown
    bots = rng.random(len(grades)) < population.bots
    clicked |= _mistakes(clicked, shown & _worst(appeal, shown), population.noise, rng)
    clicked = np.where(bots[:, None], shown & (rng.random(grades.shape) < _BOT_CLICKS), clicked)
    examined |= clicked
    median = np.asarray(population.dwell_seconds)[np.maximum(grades, 0)]
    dwell = median * np.exp(population.dwell_spread * rng.standard_normal(grades.shape))
    return SimulatedSessions(
        examined=examined,
        clicked=clicked,
        dwell_seconds=np.where(clicked, np.where(bots[:, None], 0.0, dwell), np.nan),
        users=rng.integers(population.users, size=len(grades)),
        bots=bots,
    )


_BOT_CLICKS = 0.95


def _worst(appeal: Shares, shown: Flags) -> Flags:
    """The hits of a session that appeal least: those that a click on is a mistake."""
    worst: Flags = appeal <= np.where(shown, appeal, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    return worst


def _mistakes(clicked: Flags, wrong: Flags, noise: float, rng: np.random.Generator) -> Flags:
    """More clicks on hits that appeal least, so many that they are that share of all clicks."""
    wanted = rng.poisson(clicked.sum(axis=1) * noise / (1 - noise))
    keys = np.where(wrong & ~clicked, rng.random(clicked.shape), np.inf)
    order = np.argsort(np.argsort(keys, axis=1), axis=1)
    mistaken: Flags = (order < wanted[:, None]) & np.isfinite(keys)
    return mistaken
