"""The features of what a run learns from, and the vectors by which models are compared."""

from collections.abc import Mapping, Sequence

import numpy as np

from lookalike.embedding import Projection
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused
from lookalike.training.distilling import fit_beside
from lookalike.training.examples import Part
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.dividing import Division
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.source_kinds import Examples, Material
from lookalike.training.network.sources import spread
from lookalike.training.network.teaching import both_sides
from lookalike.training.recipes import HeadRecipe, PretrainRecipe
from lookalike.training.rows import DescribedRow
from lookalike.types import Vectors


def describe(
    context: TrainingContext,
    extractor: FeatureExtractor,
    examples: Examples,
    division: Division,
    recipe: HeadRecipe,
    *,
    base: EncoderFeatures | None = None,
) -> Material:
    """Describe images, queried parts and views, and find what the head starts from.

    Args:
        context: where it reads and writes.
        extractor: what the head is over.
        examples: the images and what people said.
        division: of the images.
        recipe: the hyperparameters.
        base: the model that answers, of whose vectors a head keeps something that learns from clicks.

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
    views: dict[str, list[DescribedRow]] = {}
    if "views" in recipe.shares and not isinstance(recipe.tune, PretrainRecipe):
        views = {image_id: library.pictures.views_of(image_id, recipe.views) for image_id in training}
    whole = [DescribedRow(image_id=image_id) for image_id in examples.known.image_ids]
    rows = [*whole, *_queried_parts(examples), *division.crops.values(), *(one for of in views.values() for one in of)]
    context.progress.stage(f"Describing by {extractor.encoder.name}", len(rows))
    described = library.describe(rows, context.progress.advance)
    learnt = _learnt(described.rows, division)
    extractor.learn(described.features[learnt], recipe.dimension)
    inputs, start, taught = extractor.inputs(described.features), extractor.start, _taught(context, examples)
    mine = [described.rows[number] for number in learnt]
    wanted = _wanted(inputs, described.rows, taught, start) if taught else {}
    if taught:
        theirs = np.stack([taught[row.image_id] for row in mine])
        start = _beside(inputs[learnt], mine, theirs, start, division, dimension=recipe.dimension)
    elif "clicks" in recipe.shares and base is not None and isinstance(extractor, NetworkFeatures):
        start = _beside(inputs[learnt], mine, vectors_by(context, base, mine), start, division)
    return Material(
        examples=examples,
        rows=described.rows,
        features=inputs - start.mean,
        start=start,
        parts=spread(division.images.parts, described.rows),
        groups=division.groups,
        crops=division.crops,
        views=views,
        taught=taught,
        wanted=wanted,
        refused=described.refused,
    )


def _learnt(rows: Sequence[DescribedRow], division: Division) -> list[int]:
    """The numbers of the images to learn from.

    Raises:
        TrainingRefused: there is none.
    """
    parts = division.images.parts
    found = [number for number, row in enumerate(rows) if row.is_whole_image and parts.get(row.image_id) is Part.TRAIN]
    if not found:
        raise TrainingRefused(f"{len(rows)} images are too few to train on: index more images")
    return found


def _wanted(
    inputs: Descriptors, rows: Sequence[DescribedRow], taught: Mapping[str, Vectors], own: Projection
) -> dict[str, Vectors]:
    """Image id -> the model's own vector beside the teacher's, which the head is drawn to."""
    whole = [number for number, row in enumerate(rows) if row.is_whole_image]
    image_ids = [rows[number].image_id for number in whole]
    theirs = np.stack([taught[one] for one in image_ids])
    return dict(zip(image_ids, both_sides(to_vectors(inputs[whole], own), theirs), strict=True))


def _beside(
    inputs: Descriptors,
    rows: Sequence[DescribedRow],
    vectors: Vectors,
    own: Projection,
    division: Division,
    *,
    dimension: int | None = None,
) -> Projection:
    """What a head would start from beside features mapped to vectors of another model, such as a teacher's.

    With clicks it is the model that answers. People only say something of what they are shown; what that model knows of
    all other images is kept so. On simulated clicks mAP then rises instead of falling; see docs/training.md.
    """
    groups = [division.groups[row.image_id] for row in rows]
    return fit_beside(inputs, vectors, own, dimension=dimension, groups=groups)


def _queried_parts(examples: Examples) -> list[DescribedRow]:
    """The parts of images that are queries, by their names."""
    known = set(examples.known.image_ids)
    parts = {
        query.query: query.row
        for query in examples.labels.graded
        if query.query not in known and query.row.image_id in known
    }
    return [parts[name] for name in sorted(parts)]


def _taught(context: TrainingContext, examples: Examples) -> dict[str, Vectors]:
    """Image id -> the teacher's vector, of every image; empty without a teacher."""
    if examples.labels.teacher is None:
        return {}
    images = examples.known.image_ids
    rows = [DescribedRow(image_id=image_id) for image_id in images]
    return dict(zip(images, vectors_by(context, examples.labels.teacher, rows), strict=True))


def vectors_by(context: TrainingContext, model: EncoderFeatures, rows: Sequence[DescribedRow]) -> Vectors:
    """Unit rows, [rows, dimension] float32, from the library; missing ones are computed."""
    whole = [row.image_id for row in rows if row.is_whole_image]
    stored = context.catalog.vectors.get(model.encoder.fingerprint, whole)
    vectors = {row: stored[row.image_id] for row in rows if row.is_whole_image and row.image_id in stored}
    others = [row for row in rows if row not in vectors]
    if others:
        context.progress.stage(f"Describing by {model.base}", len(others))
        described = context.described_by(model).describe(others, context.progress.advance).features
        vectors |= dict(zip(others, to_vectors(described, model.projection), strict=True))
    return np.stack([vectors[row] for row in rows])
