"""Position bias with trust in the order: click rate = slope * relevance + offset, by place.

Vardasbi et al. 2020, "When inverse propensity scoring does not work: affine corrections for unbiased learning to rank".
Clicks alone determine relevance only up to its own scale and zero, so relevance is measured here as the click rate that
an image would have at the reference place: there the slope is 1 and the offset 0. The correction of clicks,
(click - offset) / slope, then ranks images as the paper's does.

Slopes and offsets are found by maximum likelihood over images shown at several places. The relevance of an image is a
hidden value on a grid of click rates, with a distribution of its own for images that are usually ranked high, in the
middle or low: single images have too few clicks for a parameter each.

A click that is owed to trust alone leads to a short look, wherever the image stood. So where dwells are known, each
value of relevance has a usual dwell besides (log-normal, as in `click_levels`), which is fitted together with the rest.
That tells relevant images from others at the first ranks, where nearly everything is clicked.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.dwell_sums import DwellSums
from lookalike.feedback.position_bias.click_table import ClickTable, Counts

_LEVELS = 33
_LEVELS_BY_DWELL = 7  # each of them needs dwells of its own
_STRATA = 4
_ROUNDS, _NEWTON_STEPS = 600, 4
_ENOUGH = 1e-5
_LEAST = 1e-4
_WORST = 0.1  # share of the images that are taken as answering nothing


@dataclass(frozen=True, kw_only=True)
class LevelDwells:
    """How long images of each relevance are looked at.

    Attributes:
        log_median: [levels], logarithms of seconds.
        variance: of the logarithms.
    """

    log_median: Counts
    variance: float

    @classmethod
    def start(cls, sums: DwellSums, levels: int) -> "LevelDwells":
        """Spread evenly about the mean."""
        mean = sums.logs.sum() / sums.counts.sum()
        variance = float(max(sums.squares.sum() / sums.counts.sum() - mean**2, _LEAST))
        return cls(log_median=mean + np.sqrt(variance) * np.linspace(-1.5, 1.5, levels), variance=variance)

    def log_likelihood(self, sums: DwellSums) -> Counts:
        """[documents, levels], up to a constant."""
        return -sums.misfit(self.log_median) / (2 * self.variance)

    def fitted(self, sums: DwellSums, posterior: Counts) -> "LevelDwells":
        """The medians and the variance that fit best to [documents, levels] posteriors."""
        counts = sums.counts @ posterior
        medians = np.where(counts > _LEAST, sums.logs @ posterior / np.maximum(counts, _LEAST), self.log_median)
        variance = (posterior * sums.misfit(medians)).sum() / max(float(counts.sum()), _LEAST)
        return LevelDwells(log_median=medians, variance=float(max(variance, _LEAST)))


@dataclass(frozen=True, kw_only=True)
class Affine:
    """How click rates depend on relevance.

    Attributes:
        slopes: [places], 1 at the reference place.
        offsets: [places], 0 at the reference place.
        levels: [levels], the values that relevance may have.
        weights: [strata, levels], how frequent each of them is.
        dwells: how long images of each of them are looked at; None where that is not known.
    """

    slopes: Counts
    offsets: Counts
    levels: Counts
    weights: Counts
    dwells: LevelDwells | None = None

    def unearned(self) -> Counts:
        """Click rates of the least relevant tenth of the images, [places]: what trust alone gives, 0 or more.

        With these as offsets, relevance is counted from those images on, and a slope stays what it is.
        """
        share = self.weights.mean(axis=0)
        order = np.argsort(self.levels)
        reached = np.minimum(np.cumsum(share[order]) / share.sum(), _WORST)
        least = np.diff(reached, prepend=0.0) @ self.levels[order] / _WORST
        found: Counts = np.clip(self.slopes * least + self.offsets, 0.0, 1.0)
        return found


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
        posterior = _posterior(table, found, strata) * times[:, None]
        expected_shown, expected_clicked = shown.T @ posterior, clicked.T @ posterior
        slopes, offsets = _affine(expected_shown, expected_clicked, found)
        weights = np.stack([posterior[strata == one].sum(axis=0) for one in range(_STRATA)])
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), _LEAST)
        fitted = _measured_at(reference, replace(found, slopes=slopes, offsets=offsets, weights=weights))
        if fitted.dwells is not None and table.dwells is not None:
            fitted = replace(fitted, dwells=fitted.dwells.fitted(table.dwells, posterior))
        moved = max(np.abs(fitted.slopes - found.slopes).max(), np.abs(fitted.levels - found.levels).max())
        found = fitted
        if moved < _ENOUGH:
            break
    return found


def _start(table: ClickTable, reference: int) -> Affine:
    rates = table.clicks.sum(axis=0) / np.maximum(table.impressions.sum(axis=0), 1.0)
    slopes = np.clip(rates / max(rates[reference], _LEAST), 0.05, 1.0)
    slopes[reference] = 1.0
    known = table.dwells is not None and table.dwells.counts.any()
    levels = _LEVELS_BY_DWELL if known else _LEVELS
    return Affine(
        slopes=slopes,
        offsets=np.zeros(table.places),
        levels=np.linspace(0.01, 0.99, levels),
        weights=np.full((_STRATA, levels), 1 / levels),
        dwells=LevelDwells.start(table.dwells, levels) if table.dwells is not None and known else None,
    )


def _strata(table: ClickTable) -> NDArray[np.int64]:
    """Which quarter of the usual ranks each document is in, [documents]."""
    usual = table.impressions @ np.arange(table.places) / np.maximum(table.impressions.sum(axis=1), 1.0)
    strata: NDArray[np.int64] = np.searchsorted(np.quantile(usual, np.linspace(0, 1, _STRATA + 1)[1:-1]), usual)
    return strata


def _rates(slopes: Counts, offsets: Counts, levels: Counts) -> Counts:
    """Click rates by place and level, [places, levels]."""
    return np.clip(slopes[:, None] * levels + offsets[:, None], _LEAST, 1 - _LEAST)


def _posterior(table: ClickTable, found: Affine, strata: NDArray[np.int64]) -> Counts:
    """How likely each document has each relevance, [documents, levels]."""
    rates = _rates(found.slopes, found.offsets, found.levels)
    logs = table.clicks @ np.log(rates) + (table.impressions - table.clicks) @ np.log1p(-rates)
    logs += np.log(np.maximum(found.weights, 1e-12))[strata]
    if found.dwells is not None and table.dwells is not None:
        logs += found.dwells.log_likelihood(table.dwells)
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


def _measured_at(reference: int, fit: Affine) -> Affine:
    """The same fit with relevance measured as the click rate at the reference place.

    Leaving that place free in each round, and changing the unit afterwards, is parameter expansion (Liu et al. 1998):
    it takes tens of rounds where fixing it takes thousands.
    """
    slope, offset = max(float(fit.slopes[reference]), _LEAST), float(fit.offsets[reference])
    relative = fit.slopes / slope
    return replace(fit, slopes=relative, offsets=fit.offsets - relative * offset, levels=slope * fit.levels + offset)
