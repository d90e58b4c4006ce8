"""`lookalike adapt NAME`."""

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.judging import ImagesOption, QueriesOption
from lookalike.cli.learning import (
    FromOption,
    MostImagesOption,
    NewNameArgument,
    print_judged,
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
    tell_warnings,
)
from lookalike.cli.progress import IndexProgress
from lookalike.library.adapt import AdaptRequest, AdaptResult, adapt
from lookalike.library.judging import JudgementSource
from lookalike.library.opening import open_library
from lookalike.settings import Settings
from lookalike.training.whitening import SHRINKAGE

JudgementsOption = Annotated[
    str | None,
    typer.Option(metavar="JUDGEMENTS", help="Grades to compare the models by; they are not used for training."),
]
FeaturesOption = Annotated[
    str,
    typer.Option(
        help="Features to project: the model's `final` ones, or all `levels` of its network (needs torch);"
        " `auto` uses the final ones."
    ),
]
DimensionOption = Annotated[int | None, typer.Option(min=1, help="Size of the new vectors (default: the model's).")]
ShrinkageOption = Annotated[float, typer.Option(min=0, help="Shrinkage of the whitening; see docs/training.md.")]
ResamplesOption = Annotated[int, typer.Option(min=100, max=1_000_000, help="Random draws for confidence intervals.")]


def adapt_model(
    name: NewNameArgument,
    *,
    base: FromOption = None,
    judgements: JudgementsOption = None,
    queries: QueriesOption = None,
    images: ImagesOption = None,
    features: FeaturesOption = "auto",
    dimension: DimensionOption = None,
    shrinkage: ShrinkageOption = SHRINKAGE,
    most_images: MostImagesOption = 20_000,
    resamples: ResamplesOption = 10_000,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a model to this library's images, without labels and in minutes.

    Features that all images share no longer count, so that differences count more. The new model is used only after
    `lookalike models promote`. After Ctrl-C, run it again: finished work is kept.
    """
    with faults_are_told(as_json=as_json):
        named = JudgementSource(judgements=judgements, queries=queries, images=images) if judgements else None
        request = AdaptRequest(
            name=name,
            base=base,
            judgements=named,
            features=features,
            dimension=dimension,
            shrinkage=shrinkage,
            most_images=most_images,
            resamples=resamples,
        )
        with open_library(settings_for(library)) as opened, IndexProgress(messages, quiet=as_json) as progress:
            result = adapt(opened, request, progress)
        tell_warnings(result.warnings)
        if as_json:
            refused = dict(result.adaptation.refused)
            print_json({"model": result.card.as_document(), "refused": refused, "warnings": list(result.warnings)})
            return
        _tell(opened.settings, name, result, Path(judgements) if judgements else None)


def _tell(settings: Settings, name: str, result: AdaptResult, judgements: Path | None) -> None:
    found = result.adaptation
    tell_refused(dict(found.refused))
    console.print(f"[bold]{name}[/] is {result.base} fitted to {found.images:,} images ({found.seconds:.0f} s).")
    if found.judged:
        print_judged(name, result.base, found.judged)
    tell_next(settings, name, judgements)
