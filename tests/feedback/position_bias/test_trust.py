import numpy as np
import pytest

from lookalike.feedback.dwell_sums import DwellSums
from lookalike.feedback.position_bias import ClickTable
from lookalike.feedback.position_bias.trust import fit_affine


def test_expected_clicks_give_back_slopes_and_offsets_at_the_reference():
    rng = np.random.default_rng(0)
    slopes, offsets = np.array([1.0, 0.5, 0.25]), np.array([0.0, 0.1, 0.05])
    relevance = rng.uniform(0.2, 0.9, size=300)
    shown = np.full((300, 3), 400.0)
    clicks = shown * (relevance[:, None] * slopes + offsets)
    table = ClickTable(impressions=shown, clicks=clicks, queries=np.arange(300), scores=np.full(300, np.nan))
    found = fit_affine(table)
    assert found.slopes == pytest.approx(slopes, abs=0.01)
    assert found.offsets == pytest.approx(offsets, abs=0.01)


def trusting_log(seed, *, dwells):
    """Few clicks of people who trust the order, and who turn away from what does not answer."""
    rng = np.random.default_rng(seed)
    documents, slopes, offsets = 1_200, np.array([0.2, 0.15, 0.1, 0.06]), np.array([0.7, 0.3, 0.15, 0.05])
    good = rng.random(documents) < 0.4
    shown = rng.poisson(3.0, size=(documents, 4)).astype(float)
    clicks = rng.binomial(shown.astype(int), good[:, None] * slopes + offsets).astype(float)
    counts = clicks.sum(axis=1)
    clicked = np.repeat(np.arange(documents), counts.astype(int))
    seconds = np.where(good[clicked], 20.0, 2.0) * np.exp(0.8 * rng.standard_normal(len(clicked)))
    sums = DwellSums.of(clicked, seconds, documents)
    table = ClickTable(
        impressions=shown,
        clicks=clicks,
        queries=np.arange(documents),
        scores=np.full(documents, np.nan),
        dwells=sums if dwells else None,
    )
    return table, slopes / slopes[0], offsets


def test_dwells_tell_relevance_from_trust():
    logs = {dwells: [trusting_log(seed, dwells=dwells) for seed in range(3)] for dwells in (True, False)}
    errors = {
        dwells: np.mean([np.abs(fit_affine(table).slopes / slopes - 1).mean() for table, slopes, _ in made])
        for dwells, made in logs.items()
    }
    assert errors[True] < 0.15
    assert errors[True] < 0.6 * errors[False]


def test_the_least_relevant_images_tell_what_trust_alone_gives():
    table, _, offsets = trusting_log(0, dwells=True)
    assert fit_affine(table).unearned() == pytest.approx(offsets, abs=0.1)
