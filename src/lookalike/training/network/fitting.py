"""From a library and its labels to a new model: divide, describe, learn, judge, keep.

Each step takes and returns frozen values. `train_head` learns over features that are described first; `train_network`
learns from the pictures, and what they are described by afterwards is the network that learnt.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lookalike.embedding import Projection
from lookalike.errors import InternalFault, TrainingRefused
from lookalike.training.card import CardMaker
from lookalike.training.examples import Part
from lookalike.training.extractors import PICTURES, EncoderFeatures, FeatureExtractor, NewModel
from lookalike.training.held_out import Judged
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.describing import describe
from lookalike.training.network.dividing import Division, divide
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.fine_tuning import Tuned, freeze
from lookalike.training.network.judging import held_out_queries, judge, keep_queries
from lookalike.training.network.learning import LearntHead, learn, learn_from_views, untrained_head
from lookalike.training.network.loop import Stopped, TrainingResult
from lookalike.training.network.named_backbones import OpenedBackbone
from lookalike.training.network.source_kinds import Examples, Material
from lookalike.training.recipes import HeadRecipe, TuneRecipe
from lookalike.training.rows import DescribedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedHead:
    """The result of a run.

    Attributes:
        projection: of the new model; None when the run was interrupted.
        extractor: what the projection is over; None when the network under it was not trained to the end.
        examples: images and labels.
        result: of the loop.
        tuned: what fine-tuning the network came to; None where there was none.
        judged: the new model against its base, on held-out queries.
        held_out: files of those queries, by name, for `lookalike models promote --judgements`.
        sources: what was learnt from, by source.
        images: how many each part has.
        refused: image -> why it could not be described.
        seconds: of the whole run.
    """

    projection: Projection | None
    extractor: FeatureExtractor | None
    examples: Examples
    result: TrainingResult
    tuned: Tuned | None = None
    judged: tuple[Judged, ...] = ()
    held_out: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def train_head(
    context: TrainingContext,
    extractor: FeatureExtractor,
    base: EncoderFeatures,
    examples: Examples,
    recipe: HeadRecipe,
    *,
    resume: bool,
) -> TrainedHead:
    """Learn a head, and the network under it where the recipe says so, and judge; `keep` makes a model of it.

    Args:
        context: where it reads and writes.
        extractor: what the head is over.
        base: what the new model is compared with.
        examples: the images and what people said; see `gather`.
        recipe: the hyperparameters.
        resume: go on with the run that is in the folder, if there is one.

    Raises:
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    require_tunable(extractor, base, recipe)
    division = divide(examples, recipe)
    material = describe(context, extractor, examples, division, recipe, base=base)
    held_out = held_out_queries(material, recipe)
    learnt = learn(context, extractor, material, held_out, recipe, resume=resume)
    judged = judge(context, base, material, learnt, held_out, recipe)
    return _trained(context, extractor, division, material, learnt, judged, started)


def train_network(
    context: TrainingContext,
    backbone: OpenedBackbone,
    base: EncoderFeatures,
    examples: Examples,
    recipe: HeadRecipe,
    *,
    as_features: Callable[[], FeatureExtractor],
    resume: bool,
) -> TrainedHead:
    """Train a whole network without labels, and judge its features; `keep` makes a model of it.

    Args:
        context: where it reads and writes.
        backbone: trained in place.
        base: what the new model is compared with.
        examples: the images, and what people said, which is only judged by.
        recipe: the hyperparameters; `tune` is a `PretrainRecipe`.
        as_features: describes images by the trained network.
        resume: go on with the run that is in the folder, if there is one.

    Raises:
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    division = divide(examples, recipe)
    pretrained = learn_from_views(context, backbone, examples, division, recipe, resume=resume)
    if pretrained.result.stopped is Stopped.INTERRUPTED:
        return TrainedHead(projection=None, extractor=None, examples=examples, result=pretrained.result)
    extractor = as_features()
    material = describe(context, extractor, examples, division, recipe)
    learnt = untrained_head(material, pretrained)
    judged = judge(context, base, material, learnt, held_out_queries(material, recipe), recipe)
    return _trained(context, extractor, division, material, learnt, judged, started)


def _trained(
    context: TrainingContext,
    extractor: FeatureExtractor,
    division: Division,
    material: Material,
    learnt: LearntHead,
    judged: tuple[Judged, ...],
    started: float,
) -> TrainedHead:
    return TrainedHead(
        projection=learnt.projection,
        extractor=extractor,
        examples=material.examples,
        result=learnt.result,
        tuned=learnt.tuned,
        judged=judged,
        held_out=keep_queries(context, judged),
        sources=learnt.counts,
        images={part.value: len(division.images.images(part)) for part in Part},
        refused=material.refused,
        seconds=time.monotonic() - started,
    )


def require_tunable(extractor: FeatureExtractor, base: EncoderFeatures, recipe: HeadRecipe) -> None:
    """Refuse to fine-tune what has no network, before minutes are spent on the head.

    Raises:
        TrainingRefused: it has none, or not that many blocks.
    """
    if not isinstance(recipe.tune, TuneRecipe):
        return
    if not isinstance(extractor, NetworkFeatures):
        raise TrainingRefused(
            f"{base.base}: only its head can be trained; start from efficientnet-lite0, or choose a --backbone"
        )
    freeze(extractor.network, recipe.tune)


def keep(context: TrainingContext, trained: TrainedHead, *, name: str, summary: str, card: CardMaker) -> NewModel:
    """Bring the new model into the models folder, with its card.

    Raises:
        ModelRefused: what would serve is too far from what was trained.
        StorageFailed: the disk is full, read-only or failing.
    """
    if trained.projection is None or trained.extractor is None:
        raise InternalFault("an interrupted run was to become a model")
    prepared = context.pictures(trained.extractor.preprocessing).prepared
    readable = [image for image in trained.examples.known.image_ids if image not in trained.refused]
    pictures = np.stack([prepared(DescribedRow(image_id=image)) for image in readable[:PICTURES]])
    return trained.extractor.become(
        name, trained.projection, summary=summary, pictures=pictures, files=context.run, card=card
    )
