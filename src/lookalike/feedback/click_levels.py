"""What clicks, skips and dwells say of how well an image answers a query, told by levels of relevance.

A raw count of clicks says little: the first hits are looked at more, some clicks are mistakes, and an image that was
seen twice and not clicked may well be relevant. Here each pair of a query and an image has one of a few hidden levels
of relevance. A pair of level k is clicked with the rate r_k times the probability that it is looked at, so that its
clicks are Poisson with the mean r_k * exposure; what people click because they trust the order comes on top. Dwells on
it are log-normal with a median of the level. Rates, medians and the spread of the dwells are fitted by
expectation-maximisation over all pairs of a log, without any labels. Clicks that answer nothing end in a level of
their own, with a low rate and short dwells.

What comes of it is the likelihood of each pair's evidence under each level, which a model can be trained by.

Position-based model: Richardson et al. 2007, "Predicting clicks"; dwell as a sign of satisfaction: Fox et al. 2005,
"Evaluating implicit measures to improve web search"; relevance as a latent variable of clicks: Wang et al. 2018,
"Position bias estimation for unbiased learning to rank in personal search".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.dwell_sums import DwellSums

Floats = NDArray[np.float64]

LEVELS = 3
_RATES = (0.03, 0.25, 0.6)  # where the fit begins; it moves them
_GROUPS = 24  # of pairs, by their score
_ROUNDS = 60
_SETTLED = 1e-6  # change of the rates after which the fit ends
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickEvidence:
    """What was done with each pair of a query and an image.

    Attributes:
        exposure: [pairs], the sum of the propensities of the places at which it was shown; above 0.
        unearned: [pairs], clicks to expect at these places if it answered nothing: those that people make because
            they trust the order (the offsets of Vardasbi et al. 2020).
        clicks: [pairs], searches in which it was clicked.
        dwells: of the clicks of which it is known.
    """

    exposure: Floats
    unearned: Floats
    clicks: Floats
    dwells: DwellSums


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickLevels:
    """Levels of relevance, from the least to the most relevant.

    Attributes:
        rates: [levels], clicks for each look.
        log_dwell: [levels], the logarithm of the median dwell in seconds; zeros where no dwell is known.
        spread: the standard deviation of that logarithm.
    """

    rates: Floats
    log_dwell: Floats
    spread: float

    def log_likelihood(self, evidence: ClickEvidence) -> Floats:
        """[pairs, levels], of what was done with each pair; each row's largest is 0."""
        expected = self.expected(evidence)
        misfit = evidence.dwells.misfit(self.log_dwell)
        found = evidence.clicks[:, None] * np.log(expected) - expected - misfit / (2 * self.spread**2)
        likely: Floats = found - found.max(axis=1, keepdims=True)
        return likely

    def expected(self, evidence: ClickEvidence) -> Floats:
        """[pairs, levels], clicks to expect of each pair."""
        return self.rates * evidence.exposure[:, None] + evidence.unearned[:, None]


def fit_click_levels(evidence: ClickEvidence, scores: Floats) -> ClickLevels:
    """Fit the levels to a log.

    Args:
        evidence: of every pair that was shown, also of those that were not clicked.
        scores: [pairs], higher for pairs that are relevant more often, such as a model's cosine. How frequent each
            level is depends on them.
    """
    places = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    groups = (places * _GROUPS) // max(len(places), 1)
    shares = np.full((_GROUPS, LEVELS), 1 / LEVELS)
    levels = _first_levels(evidence)
    for _ in range(_ROUNDS):
        before, held = levels.rates, _posterior(levels.log_likelihood(evidence), shares[groups])
        levels = _fitted(evidence, held, levels)
        for group in range(_GROUPS):
            mine = held[groups == group]
            shares[group] = (mine.sum(axis=0) + 1) / (len(mine) + LEVELS)
        if np.abs(levels.rates - before).max() < _SETTLED:
            break
    order = np.argsort(levels.rates * np.exp(levels.log_dwell))
    return ClickLevels(rates=levels.rates[order], log_dwell=levels.log_dwell[order], spread=levels.spread)


def _first_levels(evidence: ClickEvidence) -> ClickLevels:
    dwells = evidence.dwells
    count = dwells.counts.sum()
    if not count:
        return ClickLevels(rates=np.array(_RATES), log_dwell=np.zeros(LEVELS), spread=1.0)
    mean = dwells.logs.sum() / count
    spread = float(np.sqrt(max(dwells.squares.sum() / count - mean**2, _TINY)))
    return ClickLevels(rates=np.array(_RATES), log_dwell=mean + spread * np.array([-1.0, 0.0, 1.0]), spread=spread)


def _posterior(log_likelihood: Floats, shares: Floats) -> Floats:
    """[pairs, levels], how likely each level is for each pair."""
    log = log_likelihood + np.log(shares + _TINY)
    odds = np.exp(log - log.max(axis=1, keepdims=True))
    held: Floats = odds / odds.sum(axis=1, keepdims=True)
    return held


def _fitted(evidence: ClickEvidence, held: Floats, before: ClickLevels) -> ClickLevels:
    """The levels that fit best to [pairs, levels] posteriors; clicks are shared with trust as the last ones say."""
    earned = before.rates * evidence.exposure[:, None] / np.maximum(before.expected(evidence), _TINY)
    clicks = (held * evidence.clicks[:, None] * earned).sum(axis=0)
    looks = (held * evidence.exposure[:, None]).sum(axis=0)
    rates = np.maximum(clicks / np.maximum(looks, _TINY), 1e-4)
    known = evidence.dwells
    if not known.counts.any():
        return ClickLevels(rates=rates, log_dwell=np.zeros(LEVELS), spread=1.0)
    dwells = (held * known.counts[:, None]).sum(axis=0)
    log_dwell = (held * known.logs[:, None]).sum(axis=0) / np.maximum(dwells, _TINY)
    variance = float((held * known.misfit(log_dwell)).sum() / known.counts.sum())
    return ClickLevels(rates=rates, log_dwell=log_dwell, spread=float(np.sqrt(max(variance, 1e-4))))
