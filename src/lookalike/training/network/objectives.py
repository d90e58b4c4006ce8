"""Losses of batches of queries with candidates, by the name that `--loss` takes.

Each is called with a model that maps features (or, in fine-tuning, row numbers) to vectors, and a batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from lookalike.training.network.batches import HeadBatch
from lookalike.training.network.losses import (
    Gain,
    contrastive_cross_entropy,
    graded_listwise,
    supervised_contrastive,
    triplet_margin,
)

Objective: TypeAlias = Callable[[nn.Module, HeadBatch], Tensor]

RELEVANT = 3
"""The grade from which an image answers a query where a loss knows no more than yes and no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedLoss:
    """The loss for grades; the fields are those of `losses.graded_listwise`."""

    temperature: float = 0.05
    gain: Gain = "exponential"
    unjudged_are_negatives: bool = True

    def __call__(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """A scalar."""
        return graded_listwise(
            model(batch.queries),
            model(batch.candidates),
            batch.targets,
            temperature=self.temperature,
            gain=self.gain,
            unjudged_are_negatives=self.unjudged_are_negatives,
            never_negative=batch.never_negative,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLoss:
    """The softmax over one positive and its negatives; see `losses.contrastive_cross_entropy`."""

    temperature: float = 0.1

    def __call__(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """A scalar."""
        return contrastive_cross_entropy(
            model(batch.queries),
            model(batch.candidates),
            batch.targets,
            temperature=self.temperature,
            never_negative=batch.never_negative,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisedLoss:
    """All images that answer a query are its positives alike; see `losses.supervised_contrastive`."""

    temperature: float = 0.1

    def __call__(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """A scalar."""
        positives, left_out = answers(batch)
        return supervised_contrastive(
            model(batch.queries),
            model(batch.candidates),
            positives,
            temperature=self.temperature,
            never_negative=left_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletLoss:
    """The hardest positive and negative of each query, by a margin; see `losses.triplet_margin`."""

    margin: float = 0.2

    def __call__(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """A scalar."""
        positives, left_out = answers(batch)
        return triplet_margin(
            model(batch.queries),
            model(batch.candidates),
            positives,
            margin=self.margin,
            never_negative=left_out,
        )


def answers(batch: HeadBatch) -> tuple[Tensor, Tensor]:
    """Grades as yes and no: what answers each query, and what is neither a positive nor a negative.

    A positive has grade 3 or more, or the query's highest grade in the batch where that is lower. Images with another
    grade above 0 are left out; those with grade 0 and those that nobody judged are negatives.

    Returns:
        Two of [b, n] bool: the positives, and `never_negative` with the images that are left out.
    """
    if batch.targets.dim() == 1:
        columns = batch.never_negative.shape[1]
        return functional.one_hot(batch.targets, columns).bool(), batch.never_negative
    least = batch.targets.amax(dim=1, keepdim=True).clamp(min=1, max=RELEVANT)
    positives = batch.targets >= least
    return positives, batch.never_negative | ((batch.targets > 0) & ~positives)


def objective(loss: str, *, temperature: float) -> Objective:
    """The loss of that name, in `recipes.LOSSES`.

    Args:
        loss: its name.
        temperature: of the losses that have one.
    """
    return _OBJECTIVES[loss](temperature)


_OBJECTIVES: Mapping[str, Callable[[float], Objective]] = MappingProxyType(
    {
        "listwise": lambda temperature: GradedLoss(temperature=temperature),
        "softmax": lambda temperature: PairLoss(temperature=temperature),
        "supervised": lambda temperature: SupervisedLoss(temperature=temperature),
        "triplet": lambda _: TripletLoss(),
    }
)
