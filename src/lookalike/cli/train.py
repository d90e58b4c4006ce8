"""`lookalike train NAME --on grades|clicks|views`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.assembly import Library, open_library
from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import (
    FromOption,
    GradesOption,
    MostImagesOption,
    NewNameArgument,
    Start,
    card_of,
    graded_in,
    kept_together,
    print_judged,
    start_of,
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
from lookalike.errors import CallerError
from lookalike.training.card import ImageCounts, LabelSource, ModelCard
from lookalike.training.examples import ClickPairs, ClickRules, click_pairs
from lookalike.training.frozen import Frozen
from lookalike.whole_files import replace_file

if TYPE_CHECKING:  # torch takes two seconds to import, and `lookalike train --help` does not need it
    from lookalike.training.fitting import HeadRecipe, HeadTraining, TrainedHead

_PULL_WITHOUT_LABELS = 30.0
_WITH_LEVELS = ("efficientnet-lite0",)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the options say that is not the recipe's."""

    name: str
    judgements: str | None
    queries: Path | None
    images: Path | None
    split_by: str | None
    features: str
    least_clicks: int
    include_simulated: bool
    run: Path | None


def train(
    name: NewNameArgument,
    *,
    on: Annotated[
        str,
        typer.Option(
            metavar="SOURCE,...",
            help="What to learn from: grades, clicks, views (no labels), or several with shares: grades=2,clicks=1.",
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
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Of the new vectors; as the model's own, if not given.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="At most; it stops before when it gets no better.")] = 600,
    learning_rate: Annotated[float, typer.Option(min=1e-7, max=1.0)] = 1e-3,
    pull: Annotated[
        float | None,
        typer.Option(
            min=0, help="How strongly the head is held to its start; 30 for views alone, else 0, if not given."
        ),
    ] = None,
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
        from lookalike.training.examples import SplitShares  # noqa: PLC0415 - beside the next, which needs torch
        from lookalike.training.fitting import HeadRecipe  # noqa: PLC0415 - torch is an extra

        recipe = HeadRecipe(
            shares=_shares(on),
            dimension=dimension,
            steps=steps,
            learning_rate=learning_rate,
            pull=_pull(pull, on),
            views=views,
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
            least_clicks=least_clicks,
            include_simulated=include_simulated,
            run=run,
        )
        with (
            open_library(settings_for(library), mode="throughput", model=base) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            start = start_of(opened)
            frozen = _frozen(opened, start, features)
            training = _training(opened, start, frozen, asked, recipe, progress)
            summary = f"{start.base.base} with a head learnt from {', '.join(recipe.shares)}"
            found = training.train(name, summary=summary, resume=resume)
        if found.made is None:
            messages.print(f"Interrupted after {found.result.steps:,} steps; go on with --resume.")
            stop(ExitCode.INTERRUPTED)
        card = card_of(
            found.made,
            start.base,
            found.judged,
            method=f"linear head over its {'levels' if frozen is not start.base else 'descriptors'}",
            labels=_labels(found),
            images=ImageCounts(
                trained=found.images["train"], validated=found.images["validation"], tested=found.images["test"]
            ),
            settings=_settings(recipe, found),
            seconds=found.seconds,
        )
        _keep_report(card, _run_folder(opened, asked))
        if as_json:
            print_json(_document(card, found, _run_folder(opened, asked)))
            return
        _tell(name, start.base.base, found, _run_folder(opened, asked))


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


def _run_folder(library: Library, asked: _Asked) -> Path:
    return asked.run or library.settings.library / "training" / "runs" / asked.name


def _frozen(library: Library, start: Start, features: str) -> Frozen:
    """What the head is over."""
    if features not in {"auto", "final", "levels"}:
        raise CallerError(f"--features {features}: choose one of auto, final, levels")
    wanted = features == "levels" or (features == "auto" and start.base.base in _WITH_LEVELS)
    if not wanted:
        return start.base
    if start.base.base not in _WITH_LEVELS:
        raise CallerError(f"--features levels: only for {', '.join(_WITH_LEVELS)}; {start.base.base} has none here")
    from lookalike.training.frozen import FrozenLevels  # noqa: PLC0415 - needs torch when it is made

    return FrozenLevels(
        start.base.base,
        folder=start.folder / "backbones",
        models=library.settings.models,
        threads=library.settings.threads or None,
    )


def _training(
    library: Library, start: Start, frozen: Frozen, asked: _Asked, recipe: "HeadRecipe", progress: IndexProgress
) -> "HeadTraining":
    from lookalike.training.fitting import HeadTraining, Labels  # noqa: PLC0415 - torch is an extra
    from lookalike.training.framework import torch  # noqa: PLC0415

    if library.settings.threads:
        torch.set_num_threads(library.settings.threads)

    wants_grades = "grades" in recipe.shares or asked.judgements is not None
    graded = graded_in(library, asked.judgements, asked.queries, asked.images) if wants_grades else []
    clicks = _clicks(library, asked) if "clicks" in recipe.shares else None
    labels = Labels(graded=graded, clicks=clicks, groups=kept_together(library, asked.split_by, asked.images))
    return HeadTraining(
        library.catalog,
        frozen,
        start.base,
        start.known,
        labels,
        recipe,
        run=_run_folder(library, asked),
        descriptors=start.descriptors,
        limits=start.limits,
        watching=progress,
    )


def _clicks(library: Library, asked: _Asked) -> ClickPairs:
    interactions = list(library.catalog.interactions())
    clicked = library.catalog.images(sorted({event.image_id for event in interactions}))
    owners = {image_id: image.owner_id for image_id, image in clicked.items() if image.owner_id}
    return click_pairs(
        library.catalog.followed_queries(),
        interactions,
        owners=owners,
        rules=ClickRules(least_clicks=asked.least_clicks, include_simulated=asked.include_simulated),
    )


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


def _settings(recipe: "HeadRecipe", found: "TrainedHead") -> dict[str, object]:
    return {
        "on": ", ".join(f"{source}={share:g}" for source, share in recipe.shares.items()),
        "dimension": found.made.status.description.dimension if found.made else None,
        "steps": found.result.steps,
        "best step": found.result.best_step,
        "validation nDCG@10": found.result.best_value,
        "learning rate": recipe.learning_rate,
        "pull": recipe.pull,
        "batch": recipe.batch,
        "views": recipe.views,
        "most images": recipe.most_images,
        "held out": recipe.shares_held_out.test,
        "seed": recipe.seed,
    }


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


def _tell(name: str, base: str, found: "TrainedHead", run: Path) -> None:
    tell_refused(dict(found.refused))
    learnt = "; ".join(
        f"{source}: {', '.join(f'{count:,} {unit}' for unit, count in counts.items() if count)}"
        for source, counts in found.sources.items()
    )
    console.print(
        printable(
            f"{name} is {base} with a new head ({found.result.steps:,} steps, {found.seconds:.0f} s), learnt from"
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
    tell_next(name, next(iter(found.held_out.values()), None))
