"""Fitting a model's projection to a library without labels: compute features, whiten, save. Needs no torch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import Projection
from lookalike.embedding.runtimes import Descriptors
from lookalike.neighbors import unit_rows
from lookalike.preprocessing import Limits
from lookalike.progress import Progress
from lookalike.training.card import CardMaker
from lookalike.training.examples.example import GradedQuery
from lookalike.training.extractors import PICTURES, EncoderFeatures, FeatureExtractor, NewModel
from lookalike.training.held_out import GRADED_MEASURES, ExactRanking, HeldOut, Judged, held_out
from lookalike.training.library import DescribedLibrary, KnownImages
from lookalike.training.rows import image_of, is_whole_image
from lookalike.training.whitening import (
    SHRINKAGE,
    centred_on,
    fit_whitening,
    least_images,
    require_images,
    require_images_to_centre,
)
from lookalike.types import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationRecipe:
    """How a projection is fitted.

    Attributes:
        dimension: of the vectors.
        shrinkage: see `whitening.fit_whitening`.
        most_images: that are described to fit it.
        resamples: for intervals.
    """

    dimension: int
    shrinkage: float = SHRINKAGE
    most_images: int = 20_000
    resamples: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """The result of fitting a projection.

    Attributes:
        judged: against its base, where grades were given; none of them was learnt from.
        images: it was fitted on.
        made: the new model; None while its card is made.
        refused: image -> why it could not be described.
        seconds: of all.
    """

    judged: tuple[Judged, ...]
    images: int
    made: NewModel | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def adapt(
    catalog: Catalog,
    base: EncoderFeatures,
    known: KnownImages,
    graded: Sequence[GradedQuery],
    recipe: AdaptationRecipe,
    *,
    name: str,
    over: FeatureExtractor | None = None,
    descriptors: Path,
    limits: Limits,
    progress: Progress,
    card: Callable[[Adaptation], CardMaker],
) -> Adaptation:
    """Fit a projection to a library's own images, as a model of its own.

    Args:
        catalog: of the library.
        base: the model to start from, and to compare with.
        known: the library's images.
        graded: to compare by; nothing is learnt from them.
        recipe: how.
        name: of the new model.
        over: whose descriptors are projected; None for the base's.
        descriptors: folder of all descriptors.
        limits: for images.
        progress: is told how far it is.
        card: makes the new model's card of what came of it.

    Raises:
        TrainingRefused: there are too few images for that dimension.
        ModelRefused: the name is taken by a model that comes with lookalike, or is the base's.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    needed = {image_of(name) for query in graded for name in (query.query, *query.images)}
    chosen = known.sample(needed, recipe.most_images)
    frozen: FeatureExtractor = over or base
    centred = over is None and keeps_axes(base, len(chosen.image_ids), recipe.dimension)
    if centred:
        require_images_to_centre(len(chosen.image_ids))
    else:
        require_images(len(chosen.image_ids), recipe.dimension)
    library = DescribedLibrary(catalog, frozen.encoder, frozen.preprocessing, folder=descriptors, limits=limits)
    parts = sorted({query.query for query in graded} - set(chosen.image_ids))
    parts = [name for name in parts if image_of(name) in set(chosen.image_ids)]
    names = [*chosen.image_ids, *parts]
    progress.stage(f"Describing by {frozen.encoder.name}", len(names))
    described = library.describe(names, progress.advance)
    rows = described.features()
    whole = np.array([is_whole_image(name) for name in described.image_ids], bool)
    if over is None:
        base.learn(rows[whole])
    else:
        over.learn(rows[whole], recipe.dimension)
    inputs = frozen.inputs(rows)
    projection = (
        centred_on(inputs[whole], base.start)
        if centred
        else fit_whitening(inputs[whole], recipe.dimension, recipe.shrinkage)
    )
    test = held_out("grades", graded, set(described.image_ids), GRADED_MEASURES)
    judged: tuple[Judged, ...] = ()
    if test is not None:
        by_base = DescribedLibrary(catalog, base.encoder, base.preprocessing, folder=descriptors, limits=limits)
        before = rows
        if over is not None:
            before = by_base.describe(described.image_ids, progress.advance).features()
            base.learn(before)
        vectors = unit_rows(_projected(inputs, projection)), unit_rows(_projected(before, base.start))
        judged = (_compared(described.image_ids, *vectors, test, recipe),)
    pictures = [library.prepared(image_id) for image_id in chosen.image_ids[:PICTURES] if over is not None]
    fitted = "centred on" if centred else "fitted to"
    found = Adaptation(
        judged=judged, images=int(whole.sum()), refused=described.refused, seconds=time.monotonic() - started
    )
    made = frozen.become(
        name,
        projection,
        summary=f"{base.base}, its projection {fitted} {int(whole.sum()):,} images of a library",
        pictures=np.stack(pictures) if pictures else np.empty((0, 3, 1, 1), np.float32),
        files=descriptors,
        card=card(found),
    )
    return replace(found, made=made)


def keeps_axes(base: EncoderFeatures, images: int, dimension: int) -> bool:
    """Whether a library is too small to fit its own axes, so that the model's own axes are kept."""
    return base.projection is not None and dimension == base.encoder.dimension and images < least_images(dimension)


def _compared(
    names: Sequence[str],
    adapted: Vectors,
    before: Vectors,
    test: HeldOut,
    recipe: AdaptationRecipe,
) -> Judged:
    ranking = ExactRanking(names, [name for name in names if is_whole_image(name)])
    return ranking.compare(adapted, before, test, resamples=recipe.resamples)


def _projected(rows: Descriptors, projection: Projection) -> Descriptors:
    found: Descriptors = np.matmul(rows - projection.mean, projection.matrix, dtype=np.float32)
    return found
