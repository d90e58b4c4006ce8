"""Fitting a model's projection to a library without labels: describe, whiten, keep. Needs no torch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import Projection
from lookalike.embedding.runtimes import Descriptors
from lookalike.preprocessing import Limits
from lookalike.training.examples.example import GradedQuery
from lookalike.training.frozen import FrozenModel, Made
from lookalike.training.held_out import GRADED_MEASURES, ExactRanking, HeldOut, Judged, held_out, unit_rows
from lookalike.training.library import DescribedLibrary, KnownImages, Watching, image_of
from lookalike.training.whitening import SHRINKAGE, fit_whitening


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
class Adapted:
    """What came of it.

    Attributes:
        made: the new model.
        judged: against its base, where grades were given; none of them was learnt from.
        images: it was fitted on.
        refused: image -> why it could not be described.
        seconds: of all.
    """

    made: Made
    judged: tuple[Judged, ...]
    images: int
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def adapt(
    catalog: Catalog,
    base: FrozenModel,
    known: KnownImages,
    graded: Sequence[GradedQuery],
    recipe: AdaptationRecipe,
    *,
    name: str,
    descriptors: Path,
    limits: Limits,
    watching: Watching,
) -> Adapted:
    """Fit a projection to a library's own images, as a model of its own.

    Args:
        catalog: of the library.
        base: the model whose descriptors are projected.
        known: the library's images.
        graded: to compare by; nothing is learnt from them.
        recipe: how.
        name: of the new model.
        descriptors: folder of all descriptors.
        limits: for images.
        watching: is told how far it is.

    Raises:
        TrainingRefused: there are too few images for that dimension.
        ModelRefused: the name is taken by a model that comes with lookalike, or is the base's.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    needed = {image_of(name) for query in graded for name in (query.query, *query.images)}
    chosen = known.sample(needed, recipe.most_images)
    library = DescribedLibrary(catalog, base.encoder, base.preprocessing, folder=descriptors, limits=limits)
    parts = sorted({query.query for query in graded} - set(chosen.image_ids))
    parts = [name for name in parts if image_of(name) in set(chosen.image_ids)]
    names = [*chosen.image_ids, *parts]
    watching.stage(f"Describing by {base.base}", len(names))
    described = library.describe(names, watching.advance)
    rows = described.features()
    whole = np.array([name == image_of(name) for name in described.image_ids], bool)
    projection = fit_whitening(rows[whole], recipe.dimension, recipe.shrinkage)
    test = held_out("grades", graded, set(described.image_ids), GRADED_MEASURES)
    judged: tuple[Judged, ...] = ()
    if test is not None:
        base.learn(rows)
        judged = (_compared(described.image_ids, rows, base, projection, test, recipe),)
    made = base.become(
        name,
        projection,
        summary=f"{base.base}, its projection fitted to {int(whole.sum()):,} images of a library",
        pictures=np.empty((0, 3, 1, 1), np.float32),
        files=descriptors,
    )
    return Adapted(
        made=made,
        judged=judged,
        images=int(whole.sum()),
        refused=described.refused,
        seconds=time.monotonic() - started,
    )


def _compared(
    names: Sequence[str],
    rows: Descriptors,
    base: FrozenModel,
    projection: Projection,
    test: HeldOut,
    recipe: AdaptationRecipe,
) -> Judged:
    ranking = ExactRanking(names, [name for name in names if name == image_of(name)])
    adapted = unit_rows(_projected(rows, projection))
    before = unit_rows(_projected(rows, base.start))
    return ranking.compare(adapted, before, test, resamples=recipe.resamples)


def _projected(rows: Descriptors, projection: Projection) -> Descriptors:
    found: Descriptors = np.matmul(rows - projection.mean, projection.matrix, dtype=np.float32)
    return found
