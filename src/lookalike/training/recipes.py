"""The hyperparameters of a training run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from lookalike.errors import TrainingRefused
from lookalike.training.examples import SplitShares

SOURCE_NAMES = ("grades", "clicks", "views", "teacher")
UNLABELLED = frozenset({"views", "teacher"})
"""Sources that need nothing from people."""

LOSSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "listwise": ("grades", "clicks"),
        "softmax": ("grades", "clicks", "views"),
        "supervised": ("grades", "clicks"),
        "triplet": ("grades", "clicks", "views"),
    }
)
"""Losses of a head, and of the network under it, with the sources that each applies to. `teacher` has its own loss."""

Precision: TypeAlias = Literal["float32", "bfloat16"]

PretrainLoss: TypeAlias = Literal["nt-xent", "moco"]
PRETRAIN_LOSSES: tuple[str, ...] = get_args(PretrainLoss)
"""Losses that train a whole network on two new views of each image: SimCLR's and MoCo's."""

_PULL_WITHOUT_LABELS = 10.0


def default_pull(sources: Collection[str]) -> float:
    """The L2-SP strength that suits sources: without labels, only the start says what should stay alike."""
    return _PULL_WITHOUT_LABELS if set(sources) <= UNLABELLED else 0.0


def pretrain_loss(name: str | None) -> PretrainLoss | None:
    """The loss of that name that trains a whole network on views; None for any other name."""
    return next((loss for loss in get_args(PretrainLoss) if loss == name), None)


@dataclass(frozen=True, kw_only=True)
class TuneRecipe:
    """Hyperparameters of fine-tuning.

    Attributes:
        blocks: how many of its last blocks learn; None for all of it.
        steps: maximum number of steps.
        learning_rate: the highest, of network and head alike.
        batch: queries in a batch, or, for clicks and grades, as many queries with `graded` images each.
        graded: graded images of each query.
        others: images of the training part that a batch has besides.

    Raises:
        TrainingRefused: a number outside its range.
    """

    blocks: int | None = 4
    steps: int = 200
    learning_rate: float = 1e-4
    batch: int = 12
    graded: int = 4
    others: int = 24

    def __post_init__(self) -> None:
        if (self.blocks is not None and self.blocks < 1) or self.steps < 1 or not self.learning_rate > 0:
            raise TrainingRefused("fine-tuning: blocks and steps must be at least 1, the learning rate above 0")


@dataclass(frozen=True, kw_only=True)
class PretrainRecipe:
    """Hyperparameters of SimCLR (`nt-xent`) and MoCo v2 (`moco`), which train a whole network without labels.

    Chen et al. 2020, "A simple framework for contrastive learning of visual representations"; He et al. 2020,
    "Momentum contrast for unsupervised visual representation learning"; Chen, Fan et al. 2020, "Improved baselines
    with momentum contrastive learning" (v2). The optimiser is SGD with momentum 0.9 and a cosine schedule.

    Attributes:
        loss: `nt-xent` or `moco`.
        steps: number of training steps.
        learning_rate: maximum learning rate of the schedule; None for 0.06 per 128 images in a batch.
        batch: images in a batch, each with two views; all training images where they are fewer. NT-Xent takes its
            negatives from the batch, so it gains from a large one; so does batch normalisation.
        temperature: of the loss; None for the papers' 0.1 (`nt-xent`) and 0.2 (`moco`).
        weight_decay: of weights that are matrices.
        outputs: size of the projection head's output, which only the loss sees.
        queue: number of earlier keys that are MoCo's negatives; all training images where they are fewer. The papers'
            65,536 are a twentieth of ImageNet.
        momentum: of MoCo's key encoder. The papers' 0.999 needs tens of thousands of steps.
        accumulate: batches whose gradients make one step. Negatives come from one of them.
        precision: `bfloat16` computes products in it where torch thinks that safe, which pays on processors that
            multiply bfloat16; weights stay float32.

    Raises:
        TrainingRefused: a number outside its range.
    """

    loss: PretrainLoss
    steps: int = 1_000
    learning_rate: float | None = None
    batch: int = 64
    temperature: float | None = None
    weight_decay: float = 1e-4
    outputs: int = 128
    queue: int = 4_096
    momentum: float = 0.99
    accumulate: int = 1
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.loss not in PRETRAIN_LOSSES:
            raise TrainingRefused(f"loss {self.loss}: choose one of {', '.join(PRETRAIN_LOSSES)}")
        least = {"steps": 1, "batch": 2, "outputs": 1, "queue": 1, "accumulate": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise TrainingRefused(f"{self.loss}: {name} is {getattr(self, name)}; it must be at least {low}")
        if self.precision not in get_args(Precision):
            raise TrainingRefused(f"{self.loss}: precision {self.precision}: choose float32 or bfloat16")
        above_zero = (self.learning_rate is None or self.learning_rate > 0) and (
            self.temperature is None or self.temperature > 0
        )
        if not above_zero or not 0 <= self.momentum < 1 or self.weight_decay < 0:
            raise TrainingRefused(
                f"{self.loss}: learning rate and temperature must be above 0, momentum from 0 to below 1, and the"
                " weight decay at least 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """Hyperparameters of a run: of a head, and of the network under it.

    Attributes:
        shares: source -> weight of its loss: `grades`, `clicks`, `views`, `teacher`.
        loss: `listwise`, `softmax`, `supervised` or `triplet`, see `LOSSES`; None for each source's own: `listwise` for
            grades, the likelihood of what was done for clicks, `softmax` for views.
        dimension: size of the new vectors; None for that of the base model.
        steps: maximum number of steps; training stops earlier once validation stops improving.
        learning_rate: maximum learning rate of the schedule.
        pull: L2-SP strength, which keeps the head close to its initial weights; see `head.LinearHead`.
        batch: number of queries or pairs in a batch.
        stand_ins: share of queries replaced by one of their best-graded images; see `batches.GradedBatches`.
        views: number of augmented views of each image.
        tune: fine-tuning of the network after its head; a `PretrainRecipe` to train the whole network on views, and no
            head; None to keep the network frozen.
        most_images: maximum number of images to use; graded or clicked images come first.
        shares_held_out: shares held out for validation and test.
        resamples: random draws for confidence intervals.
        seed: of the split, the batches and the views.
    """

    shares: Mapping[str, float]
    loss: str | None = None
    dimension: int | None = None
    steps: int = 600
    learning_rate: float = 1e-3
    pull: float = 0.0
    batch: int = 96
    stand_ins: float = 0.5
    views: int = 2
    tune: TuneRecipe | PretrainRecipe | None = None
    most_images: int = 20_000
    shares_held_out: SplitShares = field(default_factory=SplitShares)
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.shares) - set(SOURCE_NAMES))
        if unknown or not self.shares:
            raise TrainingRefused(
                f"cannot learn from {', '.join(unknown) or 'nothing'}: choose grades, clicks, views or teacher"
            )
        if isinstance(self.tune, PretrainRecipe):
            self._require_views_alone(self.tune)
        elif self.loss is not None:
            self._require_loss(self.loss)

    def _require_views_alone(self, tune: PretrainRecipe) -> None:
        others = sorted(set(self.shares) - {"views"})
        if others:
            raise TrainingRefused(
                f"loss {tune.loss}: applies to views alone, not to {', '.join(others)}; train on views first, then a"
                " head on the new model"
            )
        if self.loss is not None and self.loss != tune.loss:
            raise TrainingRefused(f"loss {self.loss}: the recipe trains the network by {tune.loss}; name one loss")

    def _require_loss(self, loss: str) -> None:
        if loss in PRETRAIN_LOSSES:
            raise TrainingRefused(
                f"loss {loss}: trains a whole network on views alone: use it with --on views --tune full (in Python:"
                f" tune=PretrainRecipe(loss={loss!r}))"
            )
        if loss not in LOSSES:
            raise TrainingRefused(f"loss {loss}: choose one of {', '.join((*LOSSES, *PRETRAIN_LOSSES))}")
        others = [source for source in self.shares if source not in LOSSES[loss]]
        if others:
            raise TrainingRefused(
                f"loss {loss}: applies to {', '.join(LOSSES[loss])}, not to {', '.join(others)};"
                f" {'; '.join(map(_choices, others))}"
            )


def _choices(source: str) -> str:
    """What can be learnt from a source with, in words."""
    losses = [loss for loss, sources in LOSSES.items() if source in sources]
    if source == "views":
        losses += PRETRAIN_LOSSES
    return f"for {source} choose {', '.join(losses)}" if losses else f"{source} has a loss of its own"
