"""Simulated searches with known propensities."""

from dataclasses import dataclass

import numpy as np
import pytest

from lookalike.feedback.position_bias import ClickTable
from lookalike.feedback.simulation import ClickModel


@dataclass(frozen=True, kw_only=True)
class World:
    """Queries with images of known appeal, and rankers that order them."""

    queries: int = 60
    places: int = 6
    rankers: int = 3
    sessions: int = 20_000
    seed: int = 0

    def table(self, model: ClickModel) -> ClickTable:
        rng = np.random.default_rng(self.seed)
        appeal = rng.random((self.queries, self.places))
        noise = rng.normal(scale=0.3, size=(self.rankers, self.queries, self.places))
        order = np.argsort(-(appeal + noise), axis=2)
        ranker, query = rng.integers(self.rankers, size=self.sessions), rng.integers(self.queries, size=self.sessions)
        images = order[ranker, query]
        _, clicked = model.clicks(appeal[query[:, None], images], rng)
        return ClickTable.of(
            queries=np.repeat(query, self.places),
            images=images.ravel(),
            places=np.tile(np.arange(self.places), self.sessions),
            clicked=clicked.ravel(),
            scores=appeal[query[:, None], images].ravel(),
        )


@pytest.fixture
def world():
    return World
