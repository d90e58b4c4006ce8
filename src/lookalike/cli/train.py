"""`lookalike train NAME --on grades|clicks|views|teacher`."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from lookalike.assembly import Library, open_library
from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import (
    WITH_LEVELS,
    FromOption,
    GradesOption,
    MostImagesOption,
    NewNameArgument,
    Start,
    card_of,
    graded_in,
    kept_together,
    levels_of,
    print_judged,
    require_features,
    require_new_name,
    start_of,
    takes_levels,
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
)
from lookalike.cli.progress import IndexProgress
from lookalike.embedding import open_encoder
from lookalike.errors import CallerError
from lookalike.settings import Settings, user_path
from lookalike.training.card import ImageCounts, LabelSource, ModelCard
from lookalike.training.examples import ClickPairs, ClickRules, SplitShares, click_pairs
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.recipes import HeadRecipe, TuneRecipe
from lookalike.whole_files import replace_file

if TYPE_CHECKING:  # torch takes two seconds to import, and `lookalike train --help` does not need it
    from lookalike.training.network.fitting import TrainedHead
    from lookalike.training.network.source_kinds import Labels

_PULL_WITHOUT_LABELS = 10.0


_Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the options say that is not the recipe's."""

    name: str
    judgements: str | None
    queries: Path | None
    images: Path | None
    split_by: str | None
    features: str
    backbone: str | None
    least_clicks: int
    include_simulated: bool
    position_bias: Path | None
    teacher: str
    run: Path | None
    tensorboard: bool


def train(
    name: NewNameArgument,
    *,
    on: Annotated[
        str,
        typer.Option(
            metavar="SOURCE,...",
            help="What to learn from: grades, clicks, views (no labels), teacher (a larger model), or several with"
            " shares: grades=2,clicks=1.",
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
            help="Keep images of one value of a column together: the test is on values that nothing was learnt from.",
        ),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.01, max=0.4, help="Share to test by; as much again validates.")
    ] = 0.15,
    features: Annotated[
        str,
        typer.Option(help="Learn over a model's `final` features, or over all `levels` of a backbone; `auto` chooses."),
    ] = "auto",
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PATH]",
            help="Learn from another network's weights: those published for it, a file or folder of your own, or"
            " NAME:random. ResNet, EfficientNet-Lite, ViT, CLIP, DINOv2.",
        ),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Of the new vectors; as the model's own, if not given.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="At most; it stops before when it gets no better.")] = 600,
    learning_rate: Annotated[float, typer.Option(min=1e-7, max=1.0)] = 1e-3,
    tune: Annotated[
        str,
        typer.Option(
            help="What learns: the `head` (minutes), then also the network's last `blocks`, or the `full` network."
        ),
    ] = "head",
    blocks: Annotated[int, typer.Option(min=1, help="Last blocks to fine-tune, for --tune blocks.")] = 4,
    tune_steps: Annotated[int, typer.Option(min=1, help="Of fine-tuning, at most.")] = 200,
    tune_rate: Annotated[float, typer.Option(min=1e-8, max=1.0, help="Learning rate of fine-tuning.")] = 1e-4,
    pull: Annotated[
        float | None,
        typer.Option(
            min=0, help="How strongly the head is held to its start; 10 for views alone, else 0, if not given."
        ),
    ] = None,
    position_bias: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For --on clicks: how likely the hit at each rank is looked at, a number from 0 to 1 a line, from rank"
            " 1 on; a click then weighs the inverse.",
        ),
    ] = None,
    teacher: Annotated[
        str, typer.Option(metavar="MODEL", help="For --on teacher: whose likenesses to learn; described once.")
    ] = "clip-vit-b16",
    views: Annotated[int, typer.Option(min=1, max=20, help="Altered views of each image, for --on views.")] = 2,
    least_clicks: Annotated[int, typer.Option(min=1, help="Searches in which a pair must have been clicked.")] = 2,
    include_simulated: Annotated[
        bool, typer.Option("--include-simulated", help="Learn from clicks that no person made, too; the card says so.")
    ] = False,
    most_images: MostImagesOption = 20_000,
    seed: Annotated[int, typer.Option(help="Another one divides, draws and alters otherwise.")] = 0,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's folder; in the library, by NAME, if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in its folder, to the same bits.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write the curves to tensorboard/ in the run's folder.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=100, max=1_000_000, help="Draws for confidence intervals.")] = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn what "similar" means here, as a new model that waits beside the one that answers.

    Images are described once by a frozen model, and a new head over that is learnt in minutes. Queries are divided by
    groups of near-duplicates; the table at the end is on queries that nothing was learnt from. Needs torch
    (`pip install 'lookalike[training]'`); what comes of it serves without. After Ctrl-C, add --resume.
    """
    with faults_are_told(as_json=as_json):
        _require_one_process()
        from lookalike.training.network.fitting import TrainingContext, train_head  # noqa: PLC0415 - torch is an extra
        from lookalike.training.network.parallel import use_threads  # noqa: PLC0415 - likewise

        recipe = HeadRecipe(
            shares=_shares(on),
            dimension=dimension,
            steps=steps,
            learning_rate=learning_rate,
            pull=_pull(pull, on),
            views=views,
            tune=_tuning(tune, blocks, tune_steps, tune_rate),
            most_images=most_images,
            shares_held_out=SplitShares(validation=held_out, test=held_out, seed=seed),
            resamples=resamples,
            seed=seed,
        )
        asked = _Asked(
            name=name,
            judgements=judgements,
            queries=queries,
            images=images,
            split_by=split_by,
            features=features,
            backbone=backbone,
            least_clicks=least_clicks,
            include_simulated=include_simulated,
            position_bias=position_bias,
            teacher=teacher,
            run=run,
            tensorboard=tensorboard,
        )
        with (
            open_library(settings_for(library), mode="throughput", model=base) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            start = start_of(opened)
            require_new_name(name, start.base.base)
            frozen = _frozen(opened, start, asked, recipe)
            with _teacher(opened, start, asked, recipe) as taught_by, _curves(opened, asked) as tell:
                context = TrainingContext(
                    catalog=opened.catalog,
                    limits=start.limits,
                    descriptors=start.descriptors,
                    run=_run_folder(opened, asked),
                    progress=progress,
                    tell=tell,
                )
                use_threads(opened.settings.threads)
                found = train_head(
                    context,
                    frozen,
                    start.base,
                    start.known,
                    _labels_of(opened, asked, recipe, taught_by),
                    recipe,
                    name=name,
                    summary=f"{frozen.base} with a head learnt from {', '.join(recipe.shares)}",
                    resume=resume,
                )
        if found.made is None:
            steps = found.result.steps + (found.tuned.result.steps if found.tuned else 0)
            messages.print(f"Interrupted after {steps:,} steps; go on with --resume.")
            stop(ExitCode.INTERRUPTED)
        card = card_of(
            found.made,
            start.base,
            found.judged,
            method=_method(found, recipe, frozen, start.base),
            labels=_labels(found),
            images=ImageCounts(
                trained=found.images["train"], validated=found.images["validation"], tested=found.images["test"]
            ),
            settings=_settings(recipe, found) | _taught_by(recipe, asked) | _begun_from(asked) | _debiased(asked),
            seconds=found.seconds,
            notes=_notes(frozen, start.base),
        )
        _keep_report(card, _run_folder(opened, asked))
        if as_json:
            print_json(_document(card, found, _run_folder(opened, asked)))
            return
        _tell(opened.settings, name, frozen.base, start.base.base, found, _run_folder(opened, asked))


def _require_one_process() -> None:
    """A head learns in one process; `torchrun` is for the loop of `lookalike.training.network.loop`.

    Raises:
        CallerError: `torchrun` started several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CallerError(
            "train: runs in one process and uses all cores by threads; start it without torchrun (LOOKALIKE_THREADS"
            " says how many). Loops of your own may run under torchrun, see docs/training.md"
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


def _pull(asked: float | None, on: str) -> float:
    """Telling images from each other says nothing of what should stay alike: without labels the start has to say it."""
    if asked is not None:
        return asked
    return _PULL_WITHOUT_LABELS if set(_shares(on)) == {"views"} else 0.0


def _tuning(tune: str, blocks: int, steps: int, rate: float) -> TuneRecipe | None:
    if tune not in {"head", "blocks", "full"}:
        raise CallerError(f"--tune {tune}: choose one of head, blocks, full")
    if tune == "head":
        return None
    return TuneRecipe(blocks=blocks if tune == "blocks" else None, steps=steps, learning_rate=rate)


def _run_folder(library: Library, asked: _Asked) -> Path:
    return asked.run or library.settings.library / "training" / "runs" / asked.name


def _frozen(library: Library, start: Start, asked: _Asked, recipe: HeadRecipe) -> FeatureExtractor:
    """What the head is over."""
    backbone = asked.backbone
    if backbone is None:
        described = min(len(start.known.image_ids), recipe.most_images)
        shares = recipe.shares_held_out
        images = int(described * (1 - shares.validation - shares.test))
        if takes_levels(start, asked.features, images=images, dimension=recipe.dimension):
            return levels_of(library, start, labelled=set(recipe.shares) != {"views"})
        if recipe.tune is None or start.base.base not in WITH_LEVELS:
            return start.base
        backbone = start.base.base
    require_features(asked.features)
    from lookalike.training.network.named_backbones import NamedBackbone  # noqa: PLC0415 - needs torch

    return NamedBackbone.parse(backbone).opened(
        features=asked.features,
        folder=start.folder / "backbones",
        models=library.settings.models,
        threads=library.settings.threads or None,
        seed=recipe.seed,
    )


def _labels_of(library: Library, asked: _Asked, recipe: HeadRecipe, teacher: EncoderFeatures | None) -> "Labels":
    from lookalike.training.network.source_kinds import Labels  # noqa: PLC0415 - torch is an extra

    wants_grades = "grades" in recipe.shares or asked.judgements is not None
    graded = graded_in(library, asked.judgements, asked.queries, asked.images) if wants_grades else []
    clicks = _clicks(library, asked) if "clicks" in recipe.shares else None
    groups = kept_together(library, asked.split_by, asked.images)
    return Labels(graded=graded, clicks=clicks, teacher=teacher, groups=groups)


@contextmanager
def _curves(library: Library, asked: _Asked) -> Iterator[_Tell]:
    """What hears every line of metrics."""
    if not asked.tensorboard:
        yield lambda _part, _line: None
        return
    from lookalike.training.scalar_events import ScalarEvents  # noqa: PLC0415 - an extra

    with ScalarEvents(_run_folder(library, asked) / "tensorboard") as events:
        yield events.tell


@contextmanager
def _teacher(library: Library, start: Start, asked: _Asked, recipe: HeadRecipe) -> Iterator[EncoderFeatures | None]:
    """The larger model, opened while it is needed.

    Raises:
        ModelMissing: it is not on this machine.
        CallerError: it is the model that learns.
    """
    if "teacher" not in recipe.shares:
        yield None
        return
    if asked.teacher == start.base.base:
        raise CallerError(f"--teacher {asked.teacher}: is the model that learns; name a larger one, or another --from")
    models = library.settings.models
    with open_encoder(
        asked.teacher, models=models, mode="throughput", threads=library.settings.threads or None
    ) as encoder:
        yield EncoderFeatures(encoder, models)


def _clicks(library: Library, asked: _Asked) -> ClickPairs:
    interactions = list(library.catalog.interactions())
    clicked = library.catalog.images(sorted({event.image_id for event in interactions}))
    owners = {image_id: image.owner_id for image_id, image in clicked.items() if image.owner_id}
    return click_pairs(
        library.catalog.followed_queries(),
        interactions,
        owners=owners,
        rules=ClickRules(
            least_clicks=asked.least_clicks,
            include_simulated=asked.include_simulated,
            propensities=_propensities(asked.position_bias),
        ),
    )


def _propensities(file: Path | None) -> tuple[float, ...]:
    """By rank; none where no file was named.

    Raises:
        CallerError: it cannot be read, or a line is no probability.
    """
    if file is None:
        return ()
    try:
        lines = user_path(file).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"--position-bias {file}: cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(float(line))
        except ValueError:
            found.append(0.0)
        if not 0 < found[-1] <= 1:
            raise CallerError(f"--position-bias {file}: rank {number}: {line[:40]!r} must be above 0 and at most 1")
    if not found:
        raise CallerError(f"--position-bias {file}: is empty: write a number for each rank, one a line")
    return tuple(found)


def _labels(found: "TrainedHead") -> list[LabelSource]:
    return [
        LabelSource(
            source=source,
            count=count,
            unit=unit,
            simulated="simulated" in unit and count > 0,
            note="",
        )
        for source, counts in found.sources.items()
        for unit, count in counts.items()
    ]


def _settings(recipe: HeadRecipe, found: "TrainedHead") -> dict[str, object]:
    return {
        "on": ", ".join(f"{source}={share:g}" for source, share in recipe.shares.items()),
        "dimension": found.made.status.description.dimension if found.made else None,
        "steps": found.result.steps,
        "best step": found.result.best_step,
        "validation nDCG@10": found.result.best_value,
        "learning rate": recipe.learning_rate,
        "pull": recipe.pull,
        "batch": recipe.batch,
        **_tuned_by(recipe, found),
        "views": recipe.views,
        "most images": recipe.most_images,
        "held out": recipe.shares_held_out.test,
        "seed": recipe.seed,
    }


def _method(found: "TrainedHead", recipe: HeadRecipe, frozen: FeatureExtractor, base: EncoderFeatures) -> str:
    over = "descriptors" if frozen is base else "levels" if frozen.encoder.name.endswith("-levels") else "features"
    head = f"linear head over its {over}" if frozen.base == base.base else f"linear head over {frozen.base}'s {over}"
    if found.tuned is None or recipe.tune is None:
        return head
    if not found.tuned.kept:
        return f"{head}; fine-tuning the network did not help and was undone"
    return f"{head}, then {f'its last {recipe.tune.blocks} blocks' if recipe.tune.blocks else 'all of it'} fine-tuned"


def _notes(frozen: FeatureExtractor, base: EncoderFeatures) -> list[str]:
    if frozen.base == base.base:
        return []
    licence = f"Licence of the weights it began with: {frozen.licence}."
    return [f"Its network is {frozen.base}; {base.base} is what it was compared with. {licence}"]


def _begun_from(asked: _Asked) -> dict[str, object]:
    """Without the folders of this machine: a card goes where its model goes."""
    if asked.backbone is None:
        return {}
    name, _, path = asked.backbone.partition(":")
    return {"backbone": f"{name}:{Path(path).name}" if path else name}


def _tuned_by(recipe: HeadRecipe, found: "TrainedHead") -> dict[str, object]:
    if found.tuned is None or recipe.tune is None:
        return {}
    return {
        "fine-tuned blocks": recipe.tune.blocks or "all",
        "fine-tuning steps": found.tuned.result.steps,
        "fine-tuning rate": recipe.tune.learning_rate,
        "validation nDCG@10 before fine-tuning": found.tuned.before,
        "validation nDCG@10 after fine-tuning": found.tuned.result.best_value,
    }


def _debiased(asked: _Asked) -> dict[str, object]:
    return {"position bias": str(asked.position_bias)} if asked.position_bias else {}


def _taught_by(recipe: HeadRecipe, asked: _Asked) -> dict[str, object]:
    return {"teacher": asked.teacher} if "teacher" in recipe.shares else {}


def _keep_report(card: ModelCard, run: Path) -> None:
    """The card and the curves, in the run's folder."""
    from lookalike.training.plotting import save_curves  # noqa: PLC0415 - matplotlib takes half a second
    from lookalike.training.run import RunFolder  # noqa: PLC0415

    replace_file(run / "REPORT.md", card.as_markdown().encode())
    replace_file(run / "report.json", (json.dumps(card.as_document(), indent=2) + "\n").encode())
    save_curves(RunFolder(run).lines(), run / "curves.svg")


def _document(card: ModelCard, found: "TrainedHead", run: Path) -> dict[str, object]:
    return {
        "model": card.as_document(),
        "stopped": found.result.stopped.value,
        "run": str(run),
        "held_out": {name: str(path) for name, path in found.held_out.items()},
        "refused": dict(found.refused),
    }


def _tell(settings: Settings, name: str, network: str, base: str, found: "TrainedHead", run: Path) -> None:
    tell_refused(dict(found.refused))
    if found.tuned is not None and not found.tuned.kept:
        messages.print("Fine-tuning the network did not help on validation queries: only the head is new.")
    learnt = "; ".join(
        f"{source}: {', '.join(f'{count:,} {unit}' for unit, count in counts.items() if count)}"
        for source, counts in found.sources.items()
    )
    console.print(
        printable(
            f"{name} is {network} with a new head ({found.result.steps:,} steps, {found.seconds:.0f} s), learnt from"
            f" {learnt}."
        ),
        style="bold",
        soft_wrap=True,
    )
    if found.judged:
        print_judged(name, base, found.judged)
    else:
        messages.print("Nothing was held out to judge by: name grades with --judgements.", style="yellow")
    console.print(printable(f"Report, curves and held-out queries are in {run}."), soft_wrap=True)
    tell_next(settings, name, next(iter(found.held_out.values()), None))
