"""Fitting a model to a library's own images, without labels and without torch."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from lookalike.embedding.derived import require_new_name
from lookalike.errors import InternalFault
from lookalike.library.cards import card_html
from lookalike.library.judging import JudgementSource
from lookalike.library.learning import (
    LearningStart,
    card_of,
    graded_in,
    kept_card,
    start_of,
    takes_levels,
)
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.training.adapting import Adaptation, AdaptationContext, AdaptationRecipe
from lookalike.training.adapting import adapt as fit
from lookalike.training.card import CardMaker, ImageCounts, ModelCard
from lookalike.training.extractors import FeatureExtractor
from lookalike.training.whitening import SHRINKAGE


@dataclass(frozen=True, kw_only=True)
class AdaptRequest:
    """How to fit a model.

    Attributes:
        name: of the new model.
        base: the model to start from; None for the one that answers.
        judgements: grades to compare by; nothing is learnt from them.
        features: `final`, or `levels` (needs torch) for a whitening of all depths alone; `auto` is `final`.
        dimension: of the new vectors; None for the base's.
        shrinkage: how little weight lesser differences get; see docs/training.md.
        most_images: that are described to fit it.
        resamples: for confidence intervals.
    """

    name: str
    base: str | None = None
    judgements: JudgementSource | None = None
    features: str = "auto"
    dimension: int | None = None
    shrinkage: float = SHRINKAGE
    most_images: int = 20_000
    resamples: int = 10_000


@dataclass(frozen=True, kw_only=True)
class AdaptResult:
    """What came of it.

    Attributes:
        card: of the new model.
        adaptation: what it was fitted on, and how it was judged.
        base: the model it was made from.
        warnings: what should be known besides.
    """

    card: ModelCard
    adaptation: Adaptation
    base: str
    warnings: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return card_html(self.card, notes=self.warnings)


def adapt(library: LibraryParts, request: AdaptRequest, progress: Progress) -> AdaptResult:
    """Fit a model's projection to the library's images; the new model waits beside the one that answers.

    Raises:
        CallerError: an option is none of the choices.
        LibraryMissing: nothing was indexed.
        ModelMissing, ModelRefused: the base is not on this machine; the name cannot be had.
        TrainingRefused: there are too few images.
        DependencyMissing: levels were asked for, and torch is not installed.
        StorageFailed: the disk is full, read-only or failing.
    """
    start = start_of(library, library.base_model(request.base))
    require_new_name(request.name, start.base.base)
    graded, warnings = graded_in(library, request.judgements) if request.judgements else ([], ())
    recipe = AdaptationRecipe(
        dimension=request.dimension or start.base.encoder.dimension,
        shrinkage=request.shrinkage,
        most_images=request.most_images,
        resamples=request.resamples,
    )
    over = _levels(library, start, request.features, recipe)
    context = AdaptationContext(
        catalog=library.catalog, limits=start.limits, descriptors=start.descriptors, progress=progress
    )
    found = fit(
        context,
        start.base,
        start.known,
        graded,
        recipe,
        name=request.name,
        over=over,
        card=_card(request.name, start, recipe, over),
    )
    if found.made is None:
        raise InternalFault("fitting ended without a model")
    return AdaptResult(card=kept_card(found.made), adaptation=found, base=start.base.base, warnings=warnings)


def _card(
    name: str, start: LearningStart, recipe: AdaptationRecipe, over: FeatureExtractor | None
) -> Callable[[Adaptation], CardMaker]:
    def card(found: Adaptation) -> CardMaker:
        return card_of(
            name,
            start.base,
            found.judged,
            method=f"whitening of its {'descriptors' if over is None else 'levels'}",
            labels=[],
            images=ImageCounts(trained=found.images),
            settings=asdict(recipe),
            seconds=found.seconds,
        )

    return card


def _levels(
    library: LibraryParts, start: LearningStart, features: str, recipe: AdaptationRecipe
) -> FeatureExtractor | None:
    """The levels to project; None for the final features."""
    images = min(len(start.known.image_ids), recipe.most_images)
    levels = takes_levels(start, features, images=images, dimension=recipe.dimension)
    if not levels or features == "auto":  # a whitening of all levels ranks worse on some kinds of photos
        return None
    from lookalike.library.levels import level_features  # noqa: PLC0415 - torch is an extra

    return level_features(library, start, labelled=False)
