"""`lookalike train NAME --on grades|clicks|views|teacher`."""

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import (
    FromOption,
    GradesOption,
    MostImagesOption,
    NewNameArgument,
    print_judged,
    tell_next,
    tell_refused,
)
from lookalike.cli.output import (
    ExitCode,
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    printable,
    settings_for,
    stop,
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.errors import CallerError
from lookalike.library import train as use_case
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.library.train import TrainRequest, TrainResult
from lookalike.settings import Settings
from lookalike.training.examples import SplitShares
from lookalike.training.recipes import HeadRecipe, TuneRecipe, default_pull


def train(
    name: NewNameArgument,
    *,
    on: Annotated[
        str,
        typer.Option(
            metavar="SOURCE,...",
            help="What to learn from: grades, clicks, views (no labels), teacher (a larger model), or several with"
            " weights: grades=2,clicks=1.",
        ),
    ],
    base: FromOption = None,
    judgements: GradesOption = None,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    split_by: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE:COLUMN",
            help="Never split images with the same value of a column between training and test.",
        ),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out",
            min=0.01,
            max=0.4,
            help="Share held out for the test; as much again is held out for validation.",
        ),
    ] = 0.15,
    features: Annotated[
        str,
        typer.Option(help="Train on a model's `final` features, or on all `levels` of its network; `auto` chooses."),
    ] = "auto",
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PATH]",
            help="Start from another network: with its published weights, with a file or folder of your own, or with"
            " random weights (NAME:random). ResNet, EfficientNet-Lite, ViT, CLIP, DINOv2.",
        ),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Size of the new vectors (default: the model's).")
    ] = None,
    steps: Annotated[
        int,
        typer.Option(min=1, help="Maximum number of steps; training stops earlier once validation stops improving."),
    ] = 600,
    learning_rate: Annotated[float, typer.Option(min=1e-7, max=1.0)] = 1e-3,
    tune: Annotated[
        str,
        typer.Option(
            help="What to train: the `head` (minutes), then also the network's last `blocks`, or the `full` network."
        ),
    ] = "head",
    blocks: Annotated[int, typer.Option(min=1, help="Last blocks to fine-tune, for --tune blocks.")] = 4,
    tune_steps: Annotated[int, typer.Option(min=1, help="Maximum number of fine-tuning steps.")] = 200,
    tune_rate: Annotated[float, typer.Option(min=1e-8, max=1.0, help="Learning rate of fine-tuning.")] = 1e-4,
    pull: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="L2-SP strength: keeps weights close to their initial values (default: 10 for views alone, else 0).",
        ),
    ] = None,
    position_bias: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --on clicks: propensity of each rank (probability that its hit is looked at), one number from 0"
            " to 1 per line, from rank 1; clicks are weighted by the inverse.",
        ),
    ] = None,
    teacher: Annotated[
        str, typer.Option(metavar="MODEL", help="For --on teacher: the model to distil.")
    ] = "clip-vit-b16",
    views: Annotated[int, typer.Option(min=1, max=20, help="Augmented views of each image, for --on views.")] = 2,
    least_clicks: Annotated[
        int, typer.Option(min=1, help="Minimum number of searches in which a pair was clicked.")
    ] = 2,
    include_simulated: Annotated[
        bool, typer.Option("--include-simulated", help="Also learn from simulated clicks; the model card says so.")
    ] = False,
    most_images: MostImagesOption = 20_000,
    seed: Annotated[int, typer.Option(help="Random seed for the split, the sampling and the augmentations.")] = 0,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run (default: in the library, by NAME).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in its folder; the result is bit for bit the same.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write the curves to tensorboard/ in the run's folder.")
    ] = False,
    resamples: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Random draws for confidence intervals.")
    ] = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a new model on what "similar" means in this library. It is used only after `lookalike models promote`.

    A frozen model computes the features of every image once, and a new head on top of them is trained in minutes. The
    table at the end is for held-out queries, which share no near-duplicates with the training queries. Training needs
    torch (`pip install 'lookalike[training]'`); the new model serves without it. After Ctrl-C, add --resume.
    """
    with faults_are_told(as_json=as_json):
        shares = _shares(on)
        named = JudgementSource(judgements=judgements, queries=queries, images=images) if judgements else None
        request = TrainRequest(
            name=name,
            recipe=HeadRecipe(
                shares=shares,
                dimension=dimension,
                steps=steps,
                learning_rate=learning_rate,
                pull=default_pull(shares) if pull is None else pull,
                views=views,
                tune=_tuning(tune, blocks, tune_steps, tune_rate),
                most_images=most_images,
                shares_held_out=SplitShares(validation=held_out, test=held_out, seed=seed),
                resamples=resamples,
                seed=seed,
            ),
            base=base,
            judgements=named,
            images=images,
            split_by=split_by,
            features=features,
            backbone=backbone,
            least_clicks=least_clicks,
            include_simulated=include_simulated,
            position_bias=position_bias,
            teacher=teacher,
            run=run,
            resume=resume,
            tensorboard=tensorboard,
        )
        with (
            open_library(settings_for(library)) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            result = use_case.train(opened, request, progress)
        tell_warnings(result.warnings)
        if result.card is None:
            trained = result.trained
            done = trained.result.steps + (trained.tuned.result.steps if trained.tuned else 0)
            messages.print(f"Interrupted after {done:,} steps; go on with --resume.")
            stop(ExitCode.INTERRUPTED)
        if as_json:
            print_json(_document(result))
            return
        _tell(opened.settings, name, result)


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


def _tuning(tune: str, blocks: int, steps: int, rate: float) -> TuneRecipe | None:
    if tune not in {"head", "blocks", "full"}:
        raise CallerError(f"--tune {tune}: choose one of head, blocks, full")
    if tune == "head":
        return None
    return TuneRecipe(blocks=blocks if tune == "blocks" else None, steps=steps, learning_rate=rate)


def _document(result: TrainResult) -> dict[str, object]:
    return {
        "model": result.card.as_document() if result.card else None,
        "stopped": result.trained.result.stopped.value,
        "run": str(result.run),
        "held_out": {name: str(path) for name, path in result.trained.held_out.items()},
        "refused": dict(result.trained.refused),
        "warnings": list(result.warnings),
    }


def _tell(settings: Settings, name: str, result: TrainResult) -> None:
    trained = result.trained
    tell_refused(dict(trained.refused))
    if trained.tuned is not None and not trained.tuned.kept:
        messages.print("Fine-tuning the network did not help on validation queries: only the head is new.")
    learnt = "; ".join(
        f"{source}: {', '.join(f'{count:,} {unit}' for unit, count in counts.items() if count)}"
        for source, counts in trained.sources.items()
    )
    console.print(
        printable(
            f"{name} is {result.network} with a new head ({trained.result.steps:,} steps, {trained.seconds:.0f} s),"
            f" learnt from {learnt}."
        ),
        style="bold",
        soft_wrap=True,
    )
    if trained.judged:
        print_judged(name, result.base, trained.judged)
    else:
        messages.print("Nothing was held out to judge by: name grades with --judgements.", style="yellow")
    console.print(printable(f"Report, curves and held-out queries are in {result.run}."), soft_wrap=True)
    tell_next(settings, name, next(iter(trained.held_out.values()), None))
