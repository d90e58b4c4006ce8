"""Learning what "similar" means in a library, as a new model that waits beside the one that answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from lookalike.library.cards import card_html
from lookalike.library.judging import JudgementSource
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.training.card import HeldOutMeasure, ModelCard
from lookalike.training.recipes import HeadRecipe

if TYPE_CHECKING:
    from lookalike.training.network.fitting import TrainedHead


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to learn, from what.

    Attributes:
        name: of the new model.
        recipe: sources and hyperparameters.
        base: the model to start from; None for the one that answers.
        judgements: grades to learn from and to judge by; None for all grades of the library.
        images: where relative names of `split_by` start; None for the table's folder.
        split_by: `TABLE:COLUMN`; images of one value of the column stay together.
        features: `final`, `levels`, or `auto`.
        backbone: `NAME[:PATH]` of another network to start from.
        least_clicks: searches in which a pair must have been clicked.
        include_simulated: learn from simulated clicks, too; the card says so.
        reviewed: judgement set of clicks that people reviewed; those called wrong are left out.
        position_bias: a file of examination probabilities by rank, perhaps with offsets.
        teacher: the larger model that `teacher` learns from.
        run: the run's folder; None for one in the library.
        resume: go on with the run in its folder.
        tensorboard: also write the curves for TensorBoard.
    """

    name: str
    recipe: HeadRecipe
    base: str | None = None
    judgements: JudgementSource | None = None
    images: Path | None = None
    split_by: str | None = None
    features: str = "auto"
    backbone: str | None = None
    least_clicks: int = 2
    include_simulated: bool = False
    reviewed: str | None = None
    position_bias: Path | None = None
    teacher: str = "clip-vit-b16"
    run: Path | None = None
    resume: bool = False
    tensorboard: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What came of a run.

    Attributes:
        card: of the new model; None when the run was interrupted: `resume` goes on with it.
        trained: the head, how it was judged, and what was held out.
        network: what the new model was made from.
        summary: of the new model, in one line.
        base: what it was compared with.
        run: the run's folder, with report, curves and held-out queries.
        warnings: what should be known besides.
    """

    card: ModelCard | None
    trained: "TrainedHead"
    network: str
    summary: str
    base: str
    run: Path
    warnings: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[HeldOutMeasure, ...]:
        """The new model against its base on held-out queries; empty when the run was interrupted."""
        return self.card.measures if self.card is not None else ()

    def _repr_html_(self) -> str:
        if self.card is None:
            return str(Markup("<p>The run was interrupted; train again with <code>resume=True</code>.</p>"))
        return card_html(self.card, notes=self.warnings, plot=self.run / "curves.svg")


def train(library: LibraryParts, request: TrainRequest, progress: Progress) -> TrainResult:
    """Learn a head, the network under it, or a whole network on views; the new model is visible only with its card.

    For a head, images are described once by a frozen model. Queries are divided by groups of near-duplicates; the
    card's measures are on queries that nothing was learnt from.

    Raises:
        DependencyMissing: torch is not installed.
        CallerError: an option is none of the choices, or `torchrun` started several processes.
        LibraryMissing: nothing was indexed.
        ModelMissing, ModelRefused: the base or the teacher is not on this machine; the name cannot be had.
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    from lookalike.library.train_head import train_head  # noqa: PLC0415 - torch is an extra, and takes seconds

    return train_head(library, request, progress)
