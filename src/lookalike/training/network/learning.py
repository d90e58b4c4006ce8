"""Learning: a head over features, then perhaps the network under it; or a whole network on views."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from lookalike.embedding import Projection
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import InternalFault
from lookalike.neighbors import unit_rows
from lookalike.training.examples import Part
from lookalike.training.extractors import FeatureExtractor
from lookalike.training.held_out import ExactRanking, HeldOut
from lookalike.training.network.batches import HeadData
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.dividing import Division
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.fine_tuning import FILE, FineTuning, Tuned, as_rows, tuned_network
from lookalike.training.network.head import LinearHead, as_projection
from lookalike.training.network.loop import LoopSettings, Stopped, Training, TrainingResult
from lookalike.training.network.named_backbones import OpenedBackbone
from lookalike.training.network.pretraining import NetworkValidation, PretrainingImages, ReadPixels, pretrain
from lookalike.training.network.source_kinds import SOURCES, Examples, Material, TrainingRows
from lookalike.training.network.sources import (
    BatchSizes,
    MixedSources,
    Source,
    crops_held_out,
    graded_held_out,
    spread,
)
from lookalike.training.recipes import HeadRecipe, PretrainRecipe, TuneRecipe
from lookalike.training.rows import DescribedRow
from lookalike.training.run import RunFolder

_GRADED, _CANDIDATES = 16, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntHead:
    """A head, and the network under it where that was tuned.

    Attributes:
        result: of the head's loop.
        projection: of the descriptors; None when the run was interrupted.
        features: the head's inputs, [names, d] float32, as the tuned network gives them.
        counts: source -> what it had, for people.
        tuned: what fine-tuning came to; None where only the head was trained.
    """

    result: TrainingResult
    projection: Projection | None
    features: Descriptors
    counts: Mapping[str, Mapping[str, int]]
    tuned: Tuned | None = None


def learn(
    context: TrainingContext,
    extractor: FeatureExtractor,
    material: Material,
    held_out: Mapping[tuple[str, Part], HeldOut],
    recipe: HeadRecipe,
    *,
    resume: bool,
) -> LearntHead:
    """Train a head over the features, then the network with it where the recipe says so.

    Raises:
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    validation = [held for (_, part), held in held_out.items() if part is Part.VALIDATION]
    sources = _sources(material, recipe)
    counts = {source.name: source.counts for source in sources}
    head = LinearHead(material.start.matrix, pull=recipe.pull)
    description = _description(extractor, material, recipe)
    result = _learn_head(context, head, sources, material, validation, recipe, description, resume=resume)
    unfinished = partial(LearntHead, result=result, projection=None, features=material.features, counts=counts)
    if result.stopped is Stopped.INTERRUPTED:
        return unfinished()
    tuned, features = None, material.features
    if isinstance(recipe.tune, TuneRecipe):
        tuned, features = _fine_tune(
            context, extractor, head, material, validation, recipe, recipe.tune, description, resume=resume
        )
        if tuned.result.stopped is Stopped.INTERRUPTED:
            return unfinished(tuned=tuned)
    learnt = [row for row in material.rows_of(Part.TRAIN) if not (tuned and material.rows[row].view)]
    projection = as_projection(head, features=features[learnt], base=material.start, of="descriptors")
    return LearntHead(result=result, projection=projection, features=features, counts=counts, tuned=tuned)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntNetwork:
    """A network that was trained on views.

    Attributes:
        result: of the loop.
        images: how many it learnt from.
    """

    result: TrainingResult
    images: int


def learn_from_views(
    context: TrainingContext,
    backbone: OpenedBackbone,
    examples: Examples,
    division: Division,
    recipe: HeadRecipe,
    *,
    resume: bool,
) -> LearntNetwork:
    """Train a whole network on views of the training images, in place.

    Raises:
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    if not isinstance(recipe.tune, PretrainRecipe):
        raise InternalFault("a network was to be trained on views without a recipe for it")
    preprocessing, pictures = backbone.preprocessing, context.pictures(backbone.preprocessing)
    read = ReadPixels(partial(pictures.pixels, shortest_side=2 * preprocessing.size))
    parts = division.images.parts
    readable = read.readable(sorted(image for image, part in parts.items() if part is not Part.TEST), context.progress)
    queries = _validating_queries(examples, division, readable)
    images = PretrainingImages(
        image_ids=[image for image in readable if parts[image] is Part.TRAIN],
        read=read,
        groups=division.groups,
        preprocessing=preprocessing,
    )
    with NetworkValidation(
        queries,
        readable,
        lambda name: pictures.prepared(DescribedRow.parse(name)),
        preprocessing,
        folder=context.run,
    ) as validation:
        result = pretrain(
            backbone.network,
            recipe.tune,
            images,
            validation=validation,
            folder=context.folder,
            progress=context.progress,
            seed=recipe.seed,
            resume=resume,
        )
    return LearntNetwork(result=result, images=len(images.image_ids))


def _validating_queries(examples: Examples, division: Division, known: Collection[str]) -> list[HeldOut]:
    """The queries that validate a network which is trained on views, before anything is described by it.

    Args:
        examples: images and labels.
        division: of the images.
        known: image ids that can be read.
    """
    here = {image for image in known if division.images.parts[image] is not Part.TEST}
    crops = {
        image: str(row)
        for image, row in division.crops.items()
        if image in here and division.images.parts[image] is Part.VALIDATION
    }
    graded = [query for query in examples.labels.graded if query.row.image_id in here]
    parts = spread(division.images.parts, [query.row for query in graded])
    names = {*here, *crops.values(), *(query.query for query in graded)}
    found = [crops_held_out(crops, names), graded_held_out(graded, parts, Part.VALIDATION, names)]
    return [held for held in found if held is not None]


def untrained_head(material: Material, network: LearntNetwork) -> LearntHead:
    """The features of a network that was trained on views, under the projection that a head would start from."""
    learnt = material.rows_of(Part.TRAIN)
    head = LinearHead(material.start.matrix)
    projection = as_projection(head, features=material.features[learnt], base=material.start, of="descriptors")
    counts = {"views": {"images": network.images}}
    return LearntHead(result=network.result, projection=projection, features=material.features, counts=counts)


def _sources(material: Material, recipe: HeadRecipe, tune: TuneRecipe | None = None) -> list[Source]:
    """Over features; or, for fine-tuning, over row numbers, in smaller batches."""
    inputs = material.features if tune is None else as_rows(len(material.rows))
    numbers = material.rows_of(Part.TRAIN)
    rows = {str(material.rows[number]): material.rows[number] for number in numbers}
    images = HeadData(
        image_ids=list(rows),
        features=np.ascontiguousarray(inputs[numbers]),
        groups={name: material.groups[row.image_id] for name, row in rows.items()},
    )
    sizes = BatchSizes(
        queries=recipe.batch if tune is None else tune.batch,
        others=4 * recipe.batch if tune is None else 2 * tune.batch,
        graded=_GRADED if tune is None else tune.graded,
        candidates=_CANDIDATES if tune is None else 2 * tune.graded,
        stand_ins=recipe.stand_ins,
        seed=recipe.seed,
    )
    whole = [name for name, row in rows.items() if row.is_whole_image]
    training = TrainingRows(images=images, of=numbers, whole=whole, sizes=sizes, loss=recipe.loss)
    return [SOURCES[name].source(material, training, share) for name, share in recipe.shares.items()]


def _learn_head(
    context: TrainingContext,
    head: LinearHead,
    sources: Sequence[Source],
    material: Material,
    validation: Sequence[HeldOut],
    recipe: HeadRecipe,
    description: Mapping[str, object],
    *,
    resume: bool,
) -> TrainingResult:
    mixed = MixedSources(sources)
    ranking = ExactRanking(material.names, material.examples.known.image_ids)

    def validate(model: object) -> float:
        weight = model.weight.detach().numpy()  # type: ignore[attr-defined]
        vectors = unit_rows(material.features @ weight)
        return float(np.mean([ranking.value(vectors, held) for held in validation]))

    context.progress.stage("Learning", recipe.steps)
    training = Training(
        model=head,
        batch_at=mixed.batch_at,
        loss_of=lambda model, batches: mixed.loss_of(model, batches) + head.drift(),
        settings=LoopSettings(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate * max(source.pace for source in sources),
            weight_decay=0.0,
            warm_up=max(recipe.steps // 20, 1),
            validate_every=max(recipe.steps // 20, 1),
            patience=6,
            checkpoint_minutes=0.5,
            seed=recipe.seed,
        ),
        folder=context.folder,
        validate=validate if validation else None,
        after_step=lambda _: context.progress.advance(1),
        describe=description,
    )
    return training.run(resume=resume)


def _fine_tune(
    context: TrainingContext,
    extractor: FeatureExtractor,
    head: LinearHead,
    material: Material,
    validation: Sequence[HeldOut],
    recipe: HeadRecipe,
    tune: TuneRecipe,
    description: Mapping[str, object],
    *,
    resume: bool,
) -> tuple[Tuned, Descriptors]:
    """The network and its head together, in place; and the features that come of it."""
    if not isinstance(extractor, NetworkFeatures):
        raise InternalFault("a model without a network was to be fine-tuned")
    run = RunFolder(context.run / "fine-tuning", tell=partial(context.tell, "fine-tuning"))
    rows, pictures = dict(zip(material.names, material.rows, strict=True)), context.pictures(extractor.preprocessing)
    model = tuned_network(
        extractor,
        head,
        material.start.mean,
        tune,
        names=list(rows),
        prepare=lambda name: pictures.prepared(rows[name]),
        descriptors=context.descriptors,
        folder=run.path,
        progress=context.progress,
    )
    tuning = FineTuning(
        model,
        tune,
        sources=_sources(material, recipe, tune),
        names=list(rows),
        validation=validation,
        gallery=material.examples.known.image_ids,
        folder=run,
        progress=context.progress,
    )
    tuned = tuning.run(description, seed=recipe.seed, resume=resume)
    features = material.features
    if tuned.result.stopped is not Stopped.INTERRUPTED and tuned.kept:
        needed = [number for number, row in enumerate(material.rows) if row.view is None]
        context.progress.stage("Describing by the fine-tuned network", len(needed))
        features = features.copy()
        features[needed] = model.features(needed, context.progress)
    (run.path / FILE).unlink(missing_ok=True)
    return tuned, features


def _description(extractor: FeatureExtractor, material: Material, recipe: HeadRecipe) -> dict[str, object]:
    """What a run may only go on with: settings, images and labels."""
    labels = hashlib.sha256()
    for query in material.examples.labels.graded:
        labels.update(json.dumps([query.query, query.images, query.grades]).encode())
    for pair in material.examples.pairs:
        labels.update(json.dumps([pair.query, pair.positive, pair.weight]).encode())
    teacher, features = material.examples.labels.teacher, material.features
    return {
        "recipe": asdict(recipe) | {"shares": dict(recipe.shares)},
        "base": extractor.encoder.fingerprint,
        "features": [*features.shape, hashlib.sha256(np.ascontiguousarray(features).tobytes()).hexdigest()],
        "labels": labels.hexdigest(),
        "teacher": teacher.encoder.fingerprint if teacher else None,
    }
