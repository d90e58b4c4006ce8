"""`lookalike adapt NAME`."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lookalike.assembly import Library, open_library
from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import (
    FromOption,
    MostImagesOption,
    NewNameArgument,
    Start,
    card_of,
    graded_in,
    levels_of,
    print_judged,
    require_new_name,
    start_of,
    takes_levels,
    tell_next,
    tell_refused,
)
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    messages,
    print_json,
    settings_for,
)
from lookalike.cli.progress import IndexProgress
from lookalike.settings import Settings
from lookalike.training.adapting import AdaptationRecipe, Adapted, adapt
from lookalike.training.card import ImageCounts
from lookalike.training.extractors import FeatureExtractor
from lookalike.training.whitening import SHRINKAGE


def adapt_model(
    name: NewNameArgument,
    *,
    base: FromOption = None,
    judgements: Annotated[
        str | None, typer.Option(metavar="JUDGEMENTS", help="Grades to compare by; nothing is learnt from them.")
    ] = None,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    features: Annotated[
        str,
        typer.Option(
            help="Project the model's `final` features, or all `levels` of its network (needs torch); `auto` takes"
            " levels where it can."
        ),
    ] = "auto",
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Of the new vectors; as the model's own, if not given.")
    ] = None,
    shrinkage: Annotated[
        float, typer.Option(min=0, help="How little weight lesser differences get; see docs/training.md.")
    ] = SHRINKAGE,
    most_images: MostImagesOption = 20_000,
    resamples: Annotated[int, typer.Option(min=100, max=1_000_000, help="Draws for confidence intervals.")] = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a model to this library's images, without labels and in minutes.

    What all of its images have in common stops counting, so that what tells them apart counts more. The new model waits
    beside the one that answers until `lookalike models promote`. After Ctrl-C, run it again: what was described stays.
    """
    with faults_are_told(as_json=as_json):
        settings = settings_for(library)
        with (
            open_library(settings, mode="throughput", model=base) as opened,
            IndexProgress(messages, quiet=as_json) as progress,
        ):
            start = start_of(opened)
            require_new_name(name, start.base.base)
            graded = graded_in(opened, judgements, queries, images) if judgements else []
            recipe = AdaptationRecipe(
                dimension=dimension or opened.encoder.dimension,
                shrinkage=shrinkage,
                most_images=most_images,
                resamples=resamples,
            )
            over = _levels(opened, start, features, recipe)
            found = adapt(
                opened.catalog,
                start.base,
                start.known,
                graded,
                recipe,
                name=name,
                over=over,
                descriptors=start.descriptors,
                limits=start.limits,
                watching=progress,
            )
        card = card_of(
            found.made,
            start.base,
            found.judged,
            method=f"whitening of its {'descriptors' if over is None else 'levels'}",
            labels=[],
            images=ImageCounts(trained=found.images),
            settings=asdict(recipe),
            seconds=found.seconds,
        )
        if as_json:
            print_json({"model": card.as_document(), "refused": dict(found.refused)})
            return
        _tell(settings, name, found, start.base.base, Path(judgements) if judgements else None)


def _levels(library: Library, start: Start, features: str, recipe: AdaptationRecipe) -> FeatureExtractor | None:
    """The levels to project; None for the final features.

    Raises:
        CallerError: the model has none, or there is no such choice.
        DependencyMissing: they were asked for, and torch is not installed.
    """
    images = min(len(start.known.image_ids), recipe.most_images)
    levels = takes_levels(start, features, images=images, dimension=recipe.dimension)
    if not levels or (features == "auto" and find_spec("torch") is None):
        return None
    return levels_of(library, start, labelled=False)


def _tell(settings: Settings, name: str, found: Adapted, base: str, judgements: Path | None) -> None:
    tell_refused(dict(found.refused))
    console.print(f"[bold]{name}[/] is {base} fitted to {found.images:,} images ({found.seconds:.0f} s).")
    if found.judged:
        print_judged(name, base, found.judged)
    tell_next(settings, name, judgements)
