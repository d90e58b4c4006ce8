"""The options of `lookalike train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import FromOption, GradesOption, MostImagesOption, NewNameArgument
from lookalike.cli.output import JsonOption, LibraryOption
from lookalike.errors import CallerError
from lookalike.library.judging import JudgementSource
from lookalike.library.train import TrainRequest
from lookalike.training.examples import SplitShares
from lookalike.training.recipes import (
    LOSSES,
    PRETRAIN_LOSSES,
    HeadRecipe,
    PretrainRecipe,
    TuneRecipe,
    default_pull,
    pretrain_loss,
)

OnOption = Annotated[
    str,
    typer.Option(
        metavar="SOURCE,...",
        help="What to learn from: grades, clicks, views (no labels), teacher (a larger model), or several with"
        " weights: grades=2,clicks=1.",
    ),
]
LossOption = Annotated[
    str | None,
    typer.Option(
        metavar="LOSS",
        help=f"Loss of grades, clicks and views: {', '.join(LOSSES)} (default: listwise for grades, the likelihood of"
        " clicks, softmax for views). Or train a whole network on views, with --tune full: nt-xent (SimCLR) or moco"
        " (MoCo v2).",
    ),
]
SplitByOption = Annotated[
    str | None,
    typer.Option(
        metavar="TABLE:COLUMN",
        help="Never split images with the same value of a column between training and test.",
    ),
]
HeldOutOption = Annotated[
    float,
    typer.Option(
        "--held-out",
        min=0.01,
        max=0.4,
        help="Share held out for the test; as much again is held out for validation.",
    ),
]
FeaturesOption = Annotated[
    str,
    typer.Option(help="Train on a model's `final` features, or on all `levels` of its network; `auto` chooses."),
]
BackboneOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:PATH]",
        help="Start from another network: with its published weights, with a file or folder of your own, or with"
        " random weights (NAME:random). ResNet, EfficientNet-Lite, ViT, CLIP, DINOv2.",
    ),
]
DimensionOption = Annotated[int | None, typer.Option(min=1, help="Size of the new vectors (default: the model's).")]
StepsOption = Annotated[
    int,
    typer.Option(min=1, help="Maximum number of steps; training stops earlier once validation stops improving."),
]
LearningRateOption = Annotated[float, typer.Option(min=1e-7, max=1.0)]
TuneOption = Annotated[
    str,
    typer.Option(
        help="What to train: the `head` (minutes), then also the network's last `blocks`, or the `full` network."
    ),
]
BlocksOption = Annotated[int, typer.Option(min=1, help="Last blocks to fine-tune, for --tune blocks.")]
TuneStepsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help=f"Maximum number of steps of fine-tuning (default: {TuneRecipe.steps}), or number of steps of nt-xent and"
        f" moco (default: {PretrainRecipe.steps:,}).",
    ),
]
TuneRateOption = Annotated[
    float | None,
    typer.Option(
        min=1e-8,
        max=10.0,
        help=f"Learning rate of fine-tuning (default: {TuneRecipe.learning_rate:g}), or of nt-xent and moco (default:"
        " by the batch).",
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch",
        min=2,
        help=f"Images in a batch, for --loss nt-xent and moco (default: {PretrainRecipe.batch}). More are better, and"
        " need more memory.",
    ),
]
PullOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="L2-SP strength: keeps weights close to their initial values (default: 10 without labels, else 0).",
    ),
]
PositionBiasOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="For --on clicks: propensity of each rank (probability that its hit is looked at), one number from 0"
        " to 1 per line, from rank 1; clicks are weighted by the inverse. A second number is the rate of clicks that"
        " are owed to trust in the order, which are subtracted.",
    ),
]
TeacherOption = Annotated[str, typer.Option(metavar="MODEL", help="For --on teacher: the model to distil.")]
ViewsOption = Annotated[
    int, typer.Option(min=1, max=20, help="Augmented views of each image, for --on views with a head.")
]
LeastClicksOption = Annotated[int, typer.Option(min=1, help="Minimum number of searches in which a pair was clicked.")]
IncludeSimulatedOption = Annotated[
    bool, typer.Option("--include-simulated", help="Also learn from simulated clicks; the model card says so.")
]
ReviewedOption = Annotated[
    str | None,
    typer.Option(
        "--reviewed", metavar="SET", help="Leave out clicks that people said no to: see `lookalike events review`."
    ),
]
SeedOption = Annotated[int, typer.Option(help="Random seed for the split, the sampling and the augmentations.")]
RunOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the run (default: in the library, by NAME).")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Continue the run in its folder; the result is bit for bit the same.")
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Also write the curves to tensorboard/ in the run's folder.")
]
ResamplesOption = Annotated[int, typer.Option(min=100, max=1_000_000, help="Random draws for confidence intervals.")]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What `lookalike train` was asked for."""

    name: NewNameArgument
    on: OnOption
    loss: LossOption = None
    base: FromOption = None
    judgements: GradesOption = None
    queries: QueriesOption = None
    images: ImagesOption = None
    split_by: SplitByOption = None
    held_out: HeldOutOption = 0.15
    features: FeaturesOption = "auto"
    backbone: BackboneOption = None
    dimension: DimensionOption = None
    steps: StepsOption = 600
    learning_rate: LearningRateOption = 1e-3
    tune: TuneOption = "head"
    blocks: BlocksOption = 4
    tune_steps: TuneStepsOption = None
    tune_rate: TuneRateOption = None
    batch: BatchOption = None
    pull: PullOption = None
    position_bias: PositionBiasOption = None
    teacher: TeacherOption = "clip-vit-b16"
    views: ViewsOption = 2
    least_clicks: LeastClicksOption = 2
    include_simulated: IncludeSimulatedOption = False
    reviewed: ReviewedOption = None
    most_images: MostImagesOption = 20_000
    seed: SeedOption = 0
    run: RunOption = None
    resume: ResumeOption = False
    tensorboard: TensorboardOption = False
    resamples: ResamplesOption = 10_000
    library: LibraryOption = None
    as_json: JsonOption = False

    def request(self) -> TrainRequest:
        """The request that the options spell.

        Raises:
            CallerError, TrainingRefused: they are none of the choices, or do not go together.
        """
        named = None
        if self.judgements:
            named = JudgementSource(judgements=self.judgements, queries=self.queries, images=self.images)
        return TrainRequest(
            name=self.name,
            recipe=self._recipe(),
            base=self.base,
            judgements=named,
            images=self.images,
            split_by=self.split_by,
            features=self.features,
            backbone=self.backbone,
            least_clicks=self.least_clicks,
            include_simulated=self.include_simulated,
            reviewed=self.reviewed,
            position_bias=self.position_bias,
            teacher=self.teacher,
            run=self.run,
            resume=self.resume,
            tensorboard=self.tensorboard,
        )

    def _recipe(self) -> HeadRecipe:
        shares = _shares(self.on)
        return HeadRecipe(
            shares=shares,
            loss=self.loss,
            dimension=self.dimension,
            steps=self.steps,
            learning_rate=self.learning_rate,
            pull=default_pull(shares) if self.pull is None else self.pull,
            views=self.views,
            tune=self._tuning(),
            most_images=self.most_images,
            shares_held_out=SplitShares(validation=self.held_out, test=self.held_out, seed=self.seed),
            resamples=self.resamples,
            seed=self.seed,
        )

    def _tuning(self) -> TuneRecipe | PretrainRecipe | None:
        if self.tune not in {"head", "blocks", "full"}:
            raise CallerError(f"--tune {self.tune}: choose one of head, blocks, full")
        on_views = pretrain_loss(self.loss)
        if on_views is not None and self.tune == "full":
            return PretrainRecipe(
                loss=on_views,
                steps=self.tune_steps or PretrainRecipe.steps,
                learning_rate=self.tune_rate,
                batch=self.batch or PretrainRecipe.batch,
            )
        if self.batch is not None:
            raise CallerError(f"--batch: applies to --tune full with --loss {' or '.join(PRETRAIN_LOSSES)}")
        if self.tune == "head":
            return None
        return TuneRecipe(
            blocks=self.blocks if self.tune == "blocks" else None,
            steps=self.tune_steps or TuneRecipe.steps,
            learning_rate=self.tune_rate or TuneRecipe.learning_rate,
        )


def _shares(on: str) -> dict[str, float]:
    shares = {}
    for part in filter(None, (one.strip() for one in on.split(","))):
        source, _, share = part.partition("=")
        try:
            shares[source.strip()] = float(share or 1)
        except ValueError:
            raise CallerError(f"--on {part}: {share} is not a number") from None
        if not shares[source.strip()] > 0:
            raise CallerError(f"--on {part}: a share must be above 0; leave the source out instead")
    return shares
