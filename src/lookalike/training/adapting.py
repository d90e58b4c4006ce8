"""Fitting a model's projection to a library without labels: compute features, whiten, save. Needs no torch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from lookalike.training.library import DescribedLibrary, KnownImages, LibraryPictures
from lookalike.training.rows import DescribedRow
from lookalike.training.side_by_side import side_by_side
from lookalike.training.whitening import (
    SHRINKAGE,
    centred_on,
    fit_whitening,
    least_images,
    require_images,
    require_images_to_centre,
)

FEWEST_TO_FIT = 500
"""Images to which axes are fitted beside a model's own; with fewer it was not measured."""

UNWHITENED = 1e6
"""Shrinkage that leaves principal axes as long as they are. Beside a model's own axes, those of the library whitened
with 30 or 100 ranked some kinds of photos worse, and these none; see docs/training.md."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationContext:
    """Where fitting reads and writes, and who hears of it.

    Attributes:
        catalog: of the library.
        limits: for images.
        descriptors: folder of all descriptors.
        progress: is told how far it is.
    """

    catalog: Catalog
    limits: Limits
    descriptors: Path
    progress: Progress

    def described_by(self, model: FeatureExtractor) -> DescribedLibrary:
        """The library as a model describes it."""
        pictures = LibraryPictures(self.catalog, model.preprocessing, limits=self.limits)
        return DescribedLibrary(pictures, model.encoder, folder=self.descriptors)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """A projection, and what it was fitted on.

    Attributes:
        projection: of the inputs.
        centred: whether it has the model's own axes.
        rows: the images, and the parts of them that are queries.
        whole: [rows] bool, the images.
        inputs: [rows, d] float32.
        refused: image -> why it could not be described.
    """

    projection: Projection
    centred: bool
    rows: tuple[DescribedRow, ...]
    whole: NDArray[np.bool_]
    inputs: Descriptors
    refused: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """What judgements call the rows."""
        return [str(row) for row in self.rows]

    @property
    def images(self) -> int:
        """How many images it was fitted on."""
        return int(self.whole.sum())


def adapt(
    context: AdaptationContext,
    base: EncoderFeatures,
    known: KnownImages,
    graded: Sequence[GradedQuery],
    recipe: AdaptationRecipe,
    *,
    name: str,
    over: FeatureExtractor | None = None,
    card: Callable[[Adaptation], CardMaker],
) -> Adaptation:
    """Fit a projection to a library's own images, as a model of its own.

    Args:
        context: where it reads and writes.
        base: the model to start from, and to compare with.
        known: the library's images.
        graded: to compare by; nothing is learnt from them.
        recipe: how.
        name: of the new model.
        over: whose descriptors are projected; None for the base's.
        card: makes the new model's card of what came of it.

    Raises:
        TrainingRefused: there are too few images for that dimension.
        ModelRefused: the name is taken by a model that comes with lookalike, or is the base's.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    needed = {image for query in graded for image in (query.row.image_id, *query.images)}
    chosen = known.sample(needed, recipe.most_images).image_ids
    fitted = _fit(context, base, over, chosen, graded, recipe)
    test = held_out("grades", graded, set(fitted.names), GRADED_MEASURES)
    judged = () if test is None else (_judge(context, base, over, fitted, test, recipe),)
    found = Adaptation(judged=judged, images=fitted.images, refused=fitted.refused, seconds=time.monotonic() - started)
    frozen: FeatureExtractor = over or base
    prepared = context.described_by(frozen).pictures.prepared
    pictures = [prepared(DescribedRow(image_id=image_id)) for image_id in chosen[:PICTURES] if over is not None]
    how = "centred on" if fitted.centred else "fitted to"
    made = frozen.become(
        name,
        fitted.projection,
        summary=f"{base.base}, its projection {how} {fitted.images:,} images of a library",
        pictures=np.stack(pictures) if pictures else np.empty((0, 3, 1, 1), np.float32),
        files=context.descriptors,
        card=card(found),
    )
    return replace(found, made=made)


def _fit(
    context: AdaptationContext,
    base: EncoderFeatures,
    over: FeatureExtractor | None,
    chosen: Sequence[str],
    graded: Sequence[GradedQuery],
    recipe: AdaptationRecipe,
) -> _Fitted:
    """Describe the chosen images, and the parts of them that are queries, and fit a projection to the images."""
    centred = over is None and keeps_axes(base, len(chosen), recipe.dimension)
    if centred:
        require_images_to_centre(len(chosen))
    elif over is not None or not has_axes(base, recipe.dimension):
        require_images(len(chosen), recipe.dimension)
    here = set(chosen)
    parts = {query.query: query.row for query in graded if query.query not in here and query.row.image_id in here}
    rows = [*(DescribedRow(image_id=image_id) for image_id in chosen), *(parts[name] for name in sorted(parts))]
    frozen: FeatureExtractor = over or base
    context.progress.stage(f"Describing by {frozen.encoder.name}", len(rows))
    described = context.described_by(frozen).describe(rows, context.progress.advance)
    whole = np.array([row.is_whole_image for row in described.rows], bool)
    frozen.learn(described.features[whole], recipe.dimension if over is not None else None)
    inputs = frozen.inputs(described.features)
    keeps_own = over is None and has_axes(base, recipe.dimension)
    return _Fitted(
        projection=_projection(inputs[whole], base, recipe, centred=centred, keeps_own=keeps_own),
        centred=centred,
        rows=described.rows,
        whole=whole,
        inputs=inputs,
        refused=described.refused,
    )


def _judge(
    context: AdaptationContext,
    base: EncoderFeatures,
    over: FeatureExtractor | None,
    fitted: _Fitted,
    test: HeldOut,
    recipe: AdaptationRecipe,
) -> Judged:
    """The fitted model against its base, by exact search."""
    before = fitted.inputs
    if over is not None:
        before = context.described_by(base).describe(fitted.rows, context.progress.advance).features
        base.learn(before)
    vectors = unit_rows(_projected(fitted.inputs, fitted.projection)), unit_rows(_projected(before, base.start))
    ranking = ExactRanking(fitted.names, [row.image_id for row in fitted.rows if row.is_whole_image])
    return ranking.compare(*vectors, test, resamples=recipe.resamples)


def _projection(
    inputs: Descriptors, base: EncoderFeatures, recipe: AdaptationRecipe, *, centred: bool, keeps_own: bool
) -> Projection:
    """What is fitted to the descriptors of a library's images."""
    if centred:
        return centred_on(inputs, base.start)
    if not keeps_own:
        return fit_whitening(inputs, recipe.dimension, recipe.shrinkage)
    widest = min(recipe.dimension, len(inputs) // least_images(1))
    return side_by_side(inputs, (base.start, fit_whitening(inputs, widest, UNWHITENED)), dimension=recipe.dimension)


def has_axes(base: EncoderFeatures, dimension: int) -> bool:
    """Whether the model has axes of its own for vectors of that dimension."""
    return base.projection is not None and dimension == base.encoder.dimension


def keeps_axes(base: EncoderFeatures, images: int, dimension: int) -> bool:
    """Whether a library is too small to fit axes to, so that the model's own are all there is."""
    return has_axes(base, dimension) and images < FEWEST_TO_FIT


def _projected(rows: Descriptors, projection: Projection) -> Descriptors:
    found: Descriptors = np.matmul(rows - projection.mean, projection.matrix, dtype=np.float32)
    return found
