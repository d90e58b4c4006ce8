"""The hyperparameters of a training run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lookalike.errors import TrainingRefused
from lookalike.training.examples import SplitShares

SOURCE_NAMES = ("grades", "clicks", "views", "teacher")

_PULL_WITHOUT_LABELS = 10.0


def default_pull(sources: Collection[str]) -> float:
    """The L2-SP strength that suits sources: without labels, only the start says what should stay alike."""
    return _PULL_WITHOUT_LABELS if set(sources) == {"views"} else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """Hyperparameters of a head.

    Attributes:
        shares: source -> weight of its loss: `grades`, `clicks`, `views`, `teacher`.
        dimension: size of the new vectors; None for that of the base model.
        steps: maximum number of steps; training stops earlier once validation stops improving.
        learning_rate: maximum learning rate of the schedule.
        pull: L2-SP strength, which keeps the head close to its initial weights; see `head.LinearHead`.
        batch: number of queries or pairs in a batch.
        stand_ins: share of queries replaced by one of their best-graded images; see `head.GradedBatches`.
        views: number of augmented views of each image.
        tune: fine-tuning of the network after its head; None to keep the network frozen.
        most_images: maximum number of images to use; graded or clicked images come first.
        shares_held_out: shares held out for validation and test.
        resamples: random draws for confidence intervals.
        seed: of the split, the batches and the views.
    """

    shares: Mapping[str, float]
    dimension: int | None = None
    steps: int = 600
    learning_rate: float = 1e-3
    pull: float = 0.0
    batch: int = 96
    stand_ins: float = 0.5
    views: int = 2
    tune: TuneRecipe | None = None
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
