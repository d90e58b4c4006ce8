from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lookalike.neighbors import BACKENDS
from lookalike.types import Neighbors
from unit_vectors import clustered


@dataclass(frozen=True, kw_only=True)
class Shelves:
    """Build parameters of the stand-in: bytes a vector, and the highest share it can ever find."""

    bytes_a_vector: int = 100
    ceiling: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Glances:
    """Search parameters of the stand-in: the share of true neighbours it finds."""

    share: float


class ForgetfulIndex:
    """Exact search that forgets some of what it found: the recall is known, and the same for equal queries."""

    backend = "forgetful"

    def __init__(self, inner, building, searching):
        self._inner, self.building, self.searching = inner, building, searching
        self.size, self.dimension = inner.size, inner.dimension

    @property
    def bytes_in_memory(self):
        return self.size * self.building.bytes_a_vector

    bytes_mapped = 0
    keeps_vectors = False

    def searching_with(self, searching):
        return ForgetfulIndex(self._inner, self.building, searching)

    def search(self, queries, k, *, allowed=None):
        found = self._inner.search(queries, k, allowed=allowed)
        luck = (np.abs(queries[:, :1]) * 1e4 + np.arange(k) * 0.618) % 1
        kept = luck < min(self.searching.share, self.building.ceiling)
        return Neighbors(rows=np.where(kept, found.rows, -1), cosines=np.where(kept, found.cosines, -np.inf))

    def vectors(self, rows):
        return self._inner.vectors(rows)

    def save(self, directory):
        self._inner.save(directory)


@dataclass
class Forgetful:
    """What a backend is to the tuner, and what was asked of it."""

    name: str = "forgetful"
    building: type = Shelves
    searching: type = Glances
    extra: str | None = None
    shelves: tuple[Shelves, ...] = (Shelves(),)
    shares: tuple[float, ...] = (0.5, 0.8, 0.9, 0.97, 0.99, 1.0)
    built: list[Shelves] = field(default_factory=list)
    when_built: Callable[[], Any] = lambda: None

    def build_grid(self, size, dimension):
        return list(self.shelves)

    def search_grid(self, building, size):
        return [Glances(share=share) for share in self.shares]

    def build(self, vectors, *, parameters=None, threads=None):
        self.when_built()
        self.built.append(parameters)
        self._last = parameters or Shelves()
        return ForgetfulIndex(BACKENDS["exact"].build(vectors), self._last, Glances(share=0.5))

    def open(self, directory):
        return ForgetfulIndex(BACKENDS["exact"].open(directory), self._last, Glances(share=0.5))


@pytest.fixture
def forgetful(monkeypatch):
    backend = Forgetful()
    monkeypatch.setitem(BACKENDS, backend.name, backend)
    monkeypatch.setattr("lookalike.tuning.tuner.available", lambda _name: True)
    return backend


@pytest.fixture(scope="session")
def vectors():
    return clustered(3_000, 16)
