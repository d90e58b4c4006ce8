"""The features of what a run learns from, and the vectors by which models are compared."""

from collections.abc import Sequence

import numpy as np

from lookalike.embedding.projection import to_vectors
from lookalike.errors import TrainingRefused
from lookalike.training.examples import Part
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.dividing import Division
from lookalike.training.network.source_kinds import Examples, Material
from lookalike.training.network.sources import spread
from lookalike.training.network.teaching import taught_start
from lookalike.training.recipes import HeadRecipe, PretrainRecipe
from lookalike.training.rows import image_of, is_whole_image
from lookalike.types import Vectors


def describe(
    context: TrainingContext,
    extractor: FeatureExtractor,
    examples: Examples,
    division: Division,
    recipe: HeadRecipe,
) -> Material:
    """Describe images, queried parts and views, and find what the head starts from.

    Raises:
        TrainingRefused: too few images are left to learn from.
    """
    training = division.images.images(Part.TRAIN)
    if len(training) < extractor.least_images(recipe.dimension):
        raise TrainingRefused(
            f"{len(training)} images to learn from are too few to start {extractor.base} with vectors of"
            f" {recipe.dimension or 'that many'} dimensions: index more, or ask for --dimension {len(training) // 4}"
        )
    library = context.described_by(extractor)
    views: dict[str, list[str]] = {}
    if "views" in recipe.shares and not isinstance(recipe.tune, PretrainRecipe):
        views = {image_id: library.pictures.view_names(image_id, recipe.views) for image_id in training}
    known = examples.known.image_ids
    names = [*known, *_queried_parts(examples), *division.crops.values(), *(one for of in views.values() for one in of)]
    context.progress.stage(f"Describing by {extractor.encoder.name}", len(names))
    described = library.describe(names, context.progress.advance)
    rows = described.features()
    learnt = [row for row, name in enumerate(described.image_ids) if division.images.parts.get(name) is Part.TRAIN]
    if not learnt:
        raise TrainingRefused(f"{len(described.image_ids)} images are too few to train on: index more images")
    extractor.learn(rows[learnt], recipe.dimension)
    inputs, start = extractor.inputs(rows), extractor.start
    taught = _taught(context, examples)
    if taught:
        whole = [row for row in learnt if described.image_ids[row] in taught]
        mine = [described.image_ids[row] for row in whole]
        start = taught_start(
            inputs[whole],
            np.stack([taught[name] for name in mine]),
            dimension=recipe.dimension,
            groups=[division.groups[name] for name in mine],
        )
    return Material(
        examples=examples,
        names=described.image_ids,
        features=inputs - start.mean,
        start=start,
        parts=spread(division.images.parts, described.image_ids),
        groups=division.groups,
        crops=division.crops,
        views=views,
        taught=taught,
        refused=described.refused,
    )


def _queried_parts(examples: Examples) -> list[str]:
    known = set(examples.known.image_ids)
    queries = {query.query for query in examples.labels.graded}
    return sorted(query for query in queries if query not in known and image_of(query) in known)


def _taught(context: TrainingContext, examples: Examples) -> dict[str, Vectors]:
    """Image id -> the teacher's vector, of every image; empty without a teacher."""
    if examples.labels.teacher is None:
        return {}
    images = examples.known.image_ids
    return dict(zip(images, vectors_by(context, examples.labels.teacher, images), strict=True))


def vectors_by(context: TrainingContext, model: EncoderFeatures, names: Sequence[str]) -> Vectors:
    """Unit rows, [names, dimension] float32, from the library; missing ones are computed."""
    whole = [name for name in names if is_whole_image(name)]
    stored = context.catalog.vectors.get(model.encoder.fingerprint, whole)
    others = [name for name in names if name not in stored]
    if others:
        context.progress.stage(f"Describing by {model.base}", len(others))
        described = context.described_by(model).describe(others, context.progress.advance).features()
        stored |= dict(zip(others, to_vectors(described, model.projection), strict=True))
    return np.stack([stored[name] for name in names])
