"""Position bias with trust in the order: click rate = slope * relevance + offset, by place.

Vardasbi et al. 2020, "When inverse propensity scoring does not work: affine corrections for unbiased learning to rank".
Clicks alone determine relevance only up to its own scale and zero, so relevance is measured here as the click rate that
an image would have at the reference place: there the slope is 1 and the offset 0. The correction of clicks,
(click - offset) / slope, then ranks images as the paper's does.

Slopes and offsets are found by maximum likelihood over images shown at several places. The relevance of an image is a
hidden value on a grid of click rates, with a distribution of its own for images that are usually ranked high, in the
middle or low: single images have too few clicks for a parameter each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.position_bias.click_table import ClickTable, Counts

_LEVELS = 33
_STRATA = 4
_ROUNDS, _NEWTON_STEPS = 200, 4
_ENOUGH = 1e-5
_LEAST = 1e-4


@dataclass(frozen=True, kw_only=True)
class Affine:
    """How click rates depend on relevance.

    Attributes:
        slopes: [places], 1 at the reference place.
        offsets: [places], 0 at the reference place.
        levels: [levels], the values that relevance may have.
        weights: [strata, levels], how frequent each of them is.
    """

    slopes: Counts
    offsets: Counts
    levels: Counts
    weights: Counts


def fit_affine(
    table: ClickTable,
    *,
    reference: int = 0,
    counts: Counts | None = None,
    start: Affine | None = None,
    rounds: int = _ROUNDS,
) -> Affine:
    """Slopes and offsets by place.

    Args:
        table: documents that were shown at several places.
        reference: the place where relevance is measured.
        counts: [documents], how often each is counted; None for once.
        start: a fit to go on from.
        rounds: of expectation maximisation, at most.
    """
    times = np.ones(len(table.queries)) if counts is None else counts
    shown, clicked = table.impressions, table.clicks
    strata = _strata(table)
    found = start or _start(table, reference)
    for _ in range(rounds):
        posterior = _posterior(shown, clicked, found, strata) * times[:, None]
        expected_shown, expected_clicked = shown.T @ posterior, clicked.T @ posterior
        slopes, offsets = _affine(expected_shown, expected_clicked, found)
        weights = np.stack([posterior[strata == one].sum(axis=0) for one in range(_STRATA)])
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), _LEAST)
        fitted = _measured_at(reference, slopes, offsets, found.levels, weights)
        moved = max(np.abs(fitted.slopes - found.slopes).max(), np.abs(fitted.levels - found.levels).max())
        found = fitted
        if moved < _ENOUGH:
            break
    return found


def _start(table: ClickTable, reference: int) -> Affine:
    rates = table.clicks.sum(axis=0) / np.maximum(table.impressions.sum(axis=0), 1.0)
    slopes = np.clip(rates / max(rates[reference], _LEAST), 0.05, 1.0)
    slopes[reference] = 1.0
    even = np.full((_STRATA, _LEVELS), 1 / _LEVELS)
    levels = np.linspace(0.01, 0.99, _LEVELS)
    return Affine(slopes=slopes, offsets=np.zeros(table.places), levels=levels, weights=even)


def _strata(table: ClickTable) -> NDArray[np.int64]:
    """Which quarter of the usual ranks each document is in, [documents]."""
    usual = table.impressions @ np.arange(table.places) / np.maximum(table.impressions.sum(axis=1), 1.0)
    strata: NDArray[np.int64] = np.searchsorted(np.quantile(usual, np.linspace(0, 1, _STRATA + 1)[1:-1]), usual)
    return strata


def _rates(slopes: Counts, offsets: Counts, levels: Counts) -> Counts:
    """Click rates by place and level, [places, levels]."""
    return np.clip(slopes[:, None] * levels + offsets[:, None], _LEAST, 1 - _LEAST)


def _posterior(shown: Counts, clicked: Counts, found: Affine, strata: NDArray[np.int64]) -> Counts:
    """How likely each document has each relevance, [documents, levels]."""
    rates = _rates(found.slopes, found.offsets, found.levels)
    logs = clicked @ np.log(rates) + (shown - clicked) @ np.log1p(-rates)
    logs += np.log(np.maximum(found.weights, 1e-12))[strata]
    likely = np.exp(logs - logs.max(axis=1, keepdims=True))
    posterior: Counts = likely / likely.sum(axis=1, keepdims=True)
    return posterior


def _affine(shown: Counts, clicked: Counts, found: Affine) -> tuple[Counts, Counts]:
    """Newton steps of all places at once, for expected counts of [places, levels]."""
    slopes, offsets, levels = found.slopes, found.offsets, found.levels
    for _ in range(_NEWTON_STEPS):
        rates = _rates(slopes, offsets, levels)
        by_rate = clicked / rates - (shown - clicked) / (1 - rates)
        curvature = clicked / rates**2 + (shown - clicked) / (1 - rates) ** 2
        first, second = (by_rate * levels).sum(axis=1), by_rate.sum(axis=1)
        steep, mixed, flat = ((curvature * levels**power).sum(axis=1) for power in (2, 1, 0))
        determinant = np.maximum(steep * flat - mixed**2, _LEAST)
        slopes = np.clip(slopes + (flat * first - mixed * second) / determinant, 0.0, 3.0)
        offsets = np.clip(offsets + (steep * second - mixed * first) / determinant, -1.0, 1.0)
    return slopes, offsets


def _measured_at(reference: int, slopes: Counts, offsets: Counts, levels: Counts, weights: Counts) -> Affine:
    """The same fit with relevance measured as the click rate at the reference place.

    Leaving that place free in each round, and changing the unit afterwards, is parameter expansion (Liu et al. 1998):
    it takes tens of rounds where fixing it takes thousands.
    """
    slope, offset = max(float(slopes[reference]), _LEAST), float(offsets[reference])
    relative = slopes / slope
    return Affine(slopes=relative, offsets=offsets - relative * offset, levels=slope * levels + offset, weights=weights)
