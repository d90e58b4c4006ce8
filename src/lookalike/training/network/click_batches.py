"""Batches for the likelihood of clicks: query images with images that they were shown, clicked or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import TrainingRefused
from lookalike.feedback.click_levels import ClickEvidence, fit_click_levels
from lookalike.training.chance import chance_for
from lookalike.training.examples.shown import SeenPairs
from lookalike.training.network.batches import Features, HeadBatch, HeadData
from lookalike.training.network.losses.click_likelihood import LevelPrior, click_likelihood
from lookalike.training.network.losses.graded import UNJUDGED

_SPARED = 0.1  # of random images, those nearest to the query
_LEAST_SKIPPED = 0.5  # hits for each clicked one: with fewer, only clicks were recorded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClickBatch(HeadBatch):
    """A batch of shown images; there are no targets, and `never_negative` are places without an image.

    Attributes:
        log_likelihood: [b, n, levels] float32, of what was done with each pair.
        habits: [b, n] float32, how much else is clicked for the query.
        others: [m, d] float32, random images.
        far: [b, m] bool, which of them were far from the query before anything was learnt.
    """

    log_likelihood: Tensor
    habits: Tensor
    others: Tensor
    far: Tensor


def knows_skipped(seen: SeenPairs) -> bool:
    """Whether impressions were recorded: without skipped images, clicks are all that is known."""
    shown = sum(len(one.ranks) for one in seen.pairs.values())
    clicked = sum(len(one.clicked) for one in seen.pairs.values())
    return clicked > 0 and shown - clicked >= _LEAST_SKIPPED * clicked


class ClickBatches:
    """Batches of query images with images that they were shown.

    Args:
        images: of the training part.
        seen: pairs of these images.
        nearness: [images, k] float32 unit vectors by the start.
        batch: queries in a batch.
        shown: images of each query, at most.
        others: random images besides, shared by the queries.
        seed: of the draws; batch `n` depends only on it and on `n`.

    Raises:
        TrainingRefused: nothing was clicked.
    """

    def __init__(
        self,
        images: HeadData,
        seen: SeenPairs,
        *,
        nearness: Features,
        batch: int,
        shown: int,
        others: int,
        seed: int,
    ) -> None:
        if not any(one.clicked for one in seen.pairs.values()):
            raise TrainingRefused("clicks: none of the images to learn from was clicked for another of them")
        rows = {image_id: row for row, image_id in enumerate(images.image_ids)}
        queries, candidates = (np.array([rows[pair[side]] for pair in seen.pairs], np.int64) for side in (0, 1))
        evidence = seen.evidence()
        cosines = np.einsum("ij,ij->i", nearness[queries], nearness[candidates])
        likely = fit_click_levels(evidence, cosines.astype(np.float64)).log_likelihood(evidence).astype(np.float32)
        habits = _habits(queries, evidence)
        self._features = torch.from_numpy(np.ascontiguousarray(images.features))
        self._lists = _lists(queries, candidates, likely, habits)
        self._nearness = nearness
        self._batch, self._shown, self._others, self._seed = batch, shown, min(others, len(nearness)), seed
        self.pairs = len(queries)
        self.prior = LevelPrior(*map(torch.from_numpy, (cosines.astype(np.float32), habits, likely)))

    def batch_at(self, number: int) -> ClickBatch:
        """The batch of that number."""
        chance = chance_for("clicks", self._seed, number)
        chosen = chance.choice(len(self._lists), min(self._batch, len(self._lists)), replace=False)
        drawn = [self._lists[place].drawn(self._shown, chance) for place in chosen]
        rows, likely, habits = (torch.from_numpy(np.stack(parts)) for parts in zip(*drawn, strict=True))
        queries = np.array([self._lists[place].query for place in chosen])
        others = chance.choice(len(self._nearness), self._others, replace=False)
        nothing = rows < 0
        return ClickBatch(
            queries=self._features[queries],
            candidates=self._features[rows.clamp(min=0)],
            targets=torch.full(rows.shape, UNJUDGED),
            never_negative=nothing,
            log_likelihood=likely,
            habits=habits,
            others=self._features[others],
            far=torch.from_numpy(self._far(queries, others)),
        )

    def _far(self, queries: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[b, m], images that are not among the nearest of those drawn, which may answer though nobody saw them."""
        cosines = self._nearness[queries] @ self._nearness[others].T
        far: NDArray[np.bool_] = cosines < np.quantile(cosines, 1 - _SPARED, axis=1, keepdims=True)
        return far


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickLikelihood:
    """The loss of `ClickBatches`: see `losses.click_likelihood`; and random images that are far have the lowest level.

    Without those, nothing would keep images apart that are never shown for the same query.

    Attributes:
        prior: how frequent levels of relevance are.
    """

    prior: LevelPrior

    def __call__(self, model: nn.Module, batch: ClickBatch) -> Tensor:
        """A scalar."""
        queries, candidates, others = (
            functional.normalize(model(one), dim=-1) for one in (batch.queries, batch.candidates, batch.others)
        )
        cosines = torch.einsum("bd,bnd->bn", queries, candidates)
        by_clicks = click_likelihood(self.prior(cosines, batch.habits), batch.log_likelihood, ~batch.never_negative)
        elsewhere = queries @ others.T
        return by_clicks - self.prior(elsewhere, torch.zeros_like(elsewhere))[..., 0][batch.far].mean()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _List:
    """What one query image was shown: [m] rows, with the evidence of each."""

    query: int
    rows: NDArray[np.int64]
    log_likelihood: NDArray[np.float32]
    habits: NDArray[np.float32]

    def drawn(
        self, count: int, chance: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """So many of them, in any order; -1 where there are no more."""
        places = chance.permutation(len(self.rows))[:count]
        missing = count - len(places)
        return (
            np.pad(self.rows[places], (0, missing), constant_values=-1),
            np.pad(self.log_likelihood[places], ((0, missing), (0, 0))),
            np.pad(self.habits[places], (0, missing)),
        )


def _lists(
    queries: NDArray[np.int64],
    candidates: NDArray[np.int64],
    likely: NDArray[np.float32],
    habits: NDArray[np.float32],
) -> Sequence[_List]:
    order = np.argsort(queries, kind="stable")
    ends = np.flatnonzero(np.diff(queries[order])) + 1
    return [
        _List(query=int(queries[mine[0]]), rows=candidates[mine], log_likelihood=likely[mine], habits=habits[mine])
        for mine in np.split(order, ends)
    ]


def _habits(queries: NDArray[np.int64], evidence: ClickEvidence) -> NDArray[np.float32]:
    """How much the other images of a pair's query are clicked, [pairs]: mean 0 and standard deviation 1."""
    earned = evidence.clicks - evidence.unearned
    clicks, looks = (np.bincount(queries, values)[queries] - values for values in (earned, evidence.exposure))
    found = np.log((np.maximum(clicks, 0.0) + 0.5) / (looks + 2.0))
    scaled: NDArray[np.float32] = ((found - found.mean()) / max(float(found.std()), 1e-6)).astype(np.float32)
    return scaled
