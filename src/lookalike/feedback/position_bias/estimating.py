"""Estimating a curve of position bias with intervals, by whichever method the clicks allow."""

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import CallerError
from lookalike.feedback.position_bias.click_table import ClickTable, Counts
from lookalike.feedback.position_bias.curve import METHODS, PositionBias
from lookalike.feedback.position_bias.harvesting import connected, harvest, influence
from lookalike.feedback.position_bias.regression import by_score, regress, summed
from lookalike.feedback.position_bias.trust import fit_affine

CONFIDENCE = 0.95
_TRUST_ROUNDS = 60  # of each resample, from the estimate on
_SHARE_CONNECTED = 0.5


def estimate_position_bias(
    table: ClickTable,
    *,
    method: str = "auto",
    resamples: int = 200,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> PositionBias:
    """How likely each place is looked at.

    Args:
        table: what was shown where and clicked.
        method: one of `METHODS`, or `auto`: harvesting where images were shown at several places, so that at least half
            of all places can be compared, else regression.
        resamples: of query images, for the bootstrap intervals; 0 for none.
        confidence: of the intervals.
        seed: of the resampling.

    Raises:
        CallerError: the method is unknown, or no image was shown at several places and the method needs that.
    """
    if method not in (*METHODS, "auto"):
        raise CallerError(f"--method {method}: choose one of auto, {', '.join(METHODS)}")
    places = connected(table)
    if method == "auto":
        method = "harvesting" if places.mean() >= _SHARE_CONNECTED else "regression"
    if method != "regression" and places.sum() < 2:  # noqa: PLR2004 - a comparison has two sides
        raise CallerError(
            f"--method {method}: no image was clicked that was shown at several places for the same query; use"
            " --method regression, or collect clicks with another model, with an experiment, or with swaps"
        )
    rng = np.random.default_rng(seed)
    if method == "harvesting":
        curve, draws = _harvesting(table, places, resamples, rng)
        offsets, documents = None, int(table.moved().sum())
    elif method == "trust":
        curve, draws, offsets, documents = _trust(table, places, resamples, rng)
    else:
        curve, draws = _regression(table, resamples, rng)
        offsets, documents = None, len(table.queries)
    low, high = _interval(draws, confidence, table.places)
    return PositionBias(
        method=method,
        propensities=curve,
        low=low,
        high=high,
        confidence=confidence,
        impressions=table.impressions.sum(axis=0),
        clicks=table.clicks.sum(axis=0),
        documents=documents,
        offsets=offsets,
    )


def _harvesting(
    table: ClickTable, places: NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> tuple[Counts, Counts]:
    logs = harvest(table, places)
    moves, queries = influence(table, places, logs)
    drawn = rng.multinomial(len(queries), np.full(len(queries), 1 / len(queries)), size=resamples)
    return _relative(np.exp(logs)), _relative(np.exp(logs + drawn @ moves))


def _trust(
    table: ClickTable, places: NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> tuple[Counts, Counts, Counts, int]:
    used = table.only((table.impressions[:, places] > 0).sum(axis=1) > 1)
    fitted = fit_affine(used)
    queries, number = np.unique(used.queries, return_inverse=True)
    draws = []
    for _ in range(resamples):
        times = rng.multinomial(len(queries), np.full(len(queries), 1 / len(queries)))[number.ravel()]
        draws.append(fit_affine(used, counts=times.astype(np.float64), start=fitted, rounds=_TRUST_ROUNDS).slopes)
    unknown = ~places
    curve = np.where(unknown, np.nan, fitted.slopes)
    sampled = np.array(draws).reshape(-1, table.places)
    sampled[:, unknown] = np.nan
    return _relative(curve), _relative(sampled), np.where(unknown, np.nan, fitted.unearned()), len(used.queries)


def _regression(table: ClickTable, resamples: int, rng: np.random.Generator) -> tuple[Counts, Counts]:
    groups = by_score(table)
    curve = regress(summed(table.impressions, groups), summed(table.clicks, groups))
    queries, number = np.unique(table.queries, return_inverse=True)
    shown, clicked = [], []
    for _ in range(resamples):
        times = rng.multinomial(len(queries), np.full(len(queries), 1 / len(queries)))[number.ravel()][:, None]
        shown.append(summed(table.impressions * times, groups))
        clicked.append(summed(table.clicks * times, groups))
    return curve, regress(np.array(shown), np.array(clicked)) if resamples else np.empty((0, table.places))


def _relative(curves: Counts) -> Counts:
    """Divided by the largest of each curve; NaN stays NaN."""
    largest: Counts = np.nanmax(curves, axis=-1, keepdims=True)
    return curves / largest


def _interval(draws: Counts, confidence: float, places: int) -> tuple[Counts, Counts]:
    if not len(draws):
        nothing = np.full(places, np.nan)
        return nothing, nothing
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(draws, ends, axis=0)
    return low, high
