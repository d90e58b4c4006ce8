"""How people get from hits that are shown to hits that are clicked: three models of the literature, vectorised."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Shares = NDArray[np.float64]


class ClickModel(Protocol):
    """What people look at, and what of that they click."""

    def clicks(self, appeal: Shares, rng: np.random.Generator) -> tuple[Flags, Flags]:
        """Which places are looked at and which are clicked in each session.

        Args:
            appeal: [sessions, places], the probability that a hit is clicked once it is looked at.
            rng: of the draws.

        Returns:
            looked at, clicked: [sessions, places] each; whatever is clicked was looked at.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PositionModel:
    """A hit is clicked if its place is looked at and the hit appeals; both are independent of all other hits.

    Richardson et al. 2007, "Predicting clicks".

    Attributes:
        examination: [places], the probability that each place is looked at.
    """

    examination: Shares

    def clicks(self, appeal: Shares, rng: np.random.Generator) -> tuple[Flags, Flags]:
        """See `ClickModel`."""
        looked = _drawn(np.broadcast_to(self.examination[: appeal.shape[1]], appeal.shape), rng)
        return looked, looked & _drawn(appeal, rng)


@dataclass(frozen=True, kw_only=True)
class CascadeModel:
    """People read in order, and stop when they are satisfied or tired.

    Craswell et al. 2008, "An experimental comparison of click position-bias models"; with `satisfied` below 1, the
    dependent click model of Guo et al. 2009, which allows several clicks.

    Attributes:
        satisfied: probability that people stop after a click.
        tired: probability that they stop after any other hit.
    """

    satisfied: float = 0.6
    tired: float = 0.1

    def clicks(self, appeal: Shares, rng: np.random.Generator) -> tuple[Flags, Flags]:
        """See `ClickModel`."""
        appeals = _drawn(appeal, rng)
        stops = np.where(appeals, _drawn(np.full(appeal.shape, self.satisfied), rng), False)
        stops |= ~appeals & _drawn(np.full(appeal.shape, self.tired), rng)
        stopped_before = np.zeros(appeal.shape, dtype=np.bool_)
        stopped_before[:, 1:] = np.logical_or.accumulate(stops, axis=1)[:, :-1]
        return ~stopped_before, ~stopped_before & appeals


@dataclass(frozen=True, kw_only=True)
class TrustModel:
    """People trust the order: of two hits that are looked at, the upper one is clicked more than it deserves.

    A hit that appeals is clicked with `seen_as_good` and one that does not with `seen_as_bad`, by rank. Agarwal et al.
    2019, "Addressing trust bias for unbiased learning-to-rank".

    Attributes:
        examination: [places], the probability that each place is looked at.
        seen_as_good: [places], epsilon+ of the paper.
        seen_as_bad: [places], epsilon- of the paper.
    """

    examination: Shares
    seen_as_good: Shares
    seen_as_bad: Shares

    @classmethod
    def usual(cls, examination: Shares, *, good: float = 0.98, bad: float = 0.65) -> "TrustModel":
        """The paper's setting: `1 - (rank + 1) / 100` for good hits, and `0.65 / rank` for bad ones.

        Args:
            examination: [places].
            good: epsilon+ at the first rank.
            bad: epsilon- at the first rank.
        """
        rank = np.arange(1, len(examination) + 1, dtype=np.float64)
        return cls(
            examination=examination, seen_as_good=np.clip(good - (rank - 1) / 100, bad, 1), seen_as_bad=bad / rank
        )

    @property
    def slope(self) -> Shares:
        """How much the click rate at each place rises with appeal: alpha of Vardasbi et al. 2020, [places]."""
        return self.examination * (self.seen_as_good - self.seen_as_bad)

    def clicks(self, appeal: Shares, rng: np.random.Generator) -> tuple[Flags, Flags]:
        """See `ClickModel`."""
        places = appeal.shape[1]
        looked = _drawn(np.broadcast_to(self.examination[:places], appeal.shape), rng)
        good = _drawn(appeal, rng)
        seen_as_good = np.where(good, self.seen_as_good[:places], self.seen_as_bad[:places])
        return looked, looked & _drawn(seen_as_good, rng)


def _drawn(probability: Shares, rng: np.random.Generator) -> Flags:
    return rng.random(probability.shape) < probability
