"""From a library and its labels to a new model: collect, split, compute features, train, evaluate, save.

Each step takes and returns frozen values; `train_head` calls them in that order.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import Projection
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import InternalFault, TrainingRefused
from lookalike.evaluation import write_judgements
from lookalike.neighbors import unit_rows
from lookalike.preprocessing import Limits
from lookalike.progress import Progress
from lookalike.training.card import CardMaker
from lookalike.training.examples import (
    Part,
    Split,
    joined_groups,
    near_duplicate_groups,
    split,
    without_low_grades,
)
from lookalike.training.extractors import PICTURES, EncoderFeatures, FeatureExtractor, NewModel
from lookalike.training.held_out import ExactRanking, HeldOut, Judged
from lookalike.training.library import DescribedLibrary, KnownImages, crop_names
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.fine_tuning import FILE, FineTuning, Tuned, as_rows, freeze, tuned_network
from lookalike.training.network.head import HeadData, LinearHead, as_projection
from lookalike.training.network.loop import LoopSettings, Stopped, Training, TrainingResult
from lookalike.training.network.source_kinds import SOURCES, Examples, Labels, Material, TrainingRows
from lookalike.training.network.sources import MixedSources, Source, names_in, spread
from lookalike.training.network.teaching import taught_start
from lookalike.training.recipes import HeadRecipe, TuneRecipe
from lookalike.training.rows import image_of, is_view, is_whole_image
from lookalike.training.run import RunFolder
from lookalike.types import Vectors

_GRADED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """Where a run reads and writes, and who hears of it.

    Attributes:
        catalog: of the library.
        limits: for images.
        descriptors: folder of all descriptors.
        run: the run's folder.
        progress: is told how far it is.
        tell: gets every line of metrics, after what is trained by then: `head` or `fine-tuning`.
    """

    catalog: Catalog
    limits: Limits
    descriptors: Path
    run: Path
    progress: Progress
    tell: Callable[[str, Mapping[str, Any]], None] = lambda _part, _line: None

    def described_by(self, model: FeatureExtractor) -> DescribedLibrary:
        """The library as a model describes it."""
        return DescribedLibrary(
            self.catalog, model.encoder, model.preprocessing, folder=self.descriptors, limits=self.limits
        )

    @property
    def folder(self) -> RunFolder:
        """Folder of the head's run."""
        return RunFolder(self.run, tell=partial(self.tell, "head"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Which images are learnt from, and which validate and test.

    Attributes:
        groups: image id -> name of its group; near-duplicates, and what the user says belongs together, share one.
        images: the part of each image.
        crops: image id -> name of a part of it, to validate and test learning from views by; empty without views.
    """

    groups: Mapping[str, str]
    images: Split
    crops: Mapping[str, str]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedHead:
    """The result of a run.

    Attributes:
        projection: of the new model; None when the run was interrupted.
        examples: images and labels.
        result: of the loop.
        tuned: what fine-tuning the network came to; None where only the head was trained.
        judged: the new model against its base, on held-out queries.
        held_out: files of those queries, by name, for `lookalike models promote --judgements`.
        sources: what was learnt from, by source.
        images: how many each part has.
        refused: image -> why it could not be described.
        seconds: of the whole run.
    """

    projection: Projection | None
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
    known: KnownImages,
    labels: Labels,
    recipe: HeadRecipe,
    *,
    resume: bool,
) -> TrainedHead:
    """Learn and judge; `keep` makes a model of it.

    Args:
        context: where it reads and writes.
        extractor: what the head is over.
        base: what the new model is compared with.
        known: the library's images.
        labels: what people said.
        recipe: the hyperparameters.
        resume: go on with the run that is in the folder, if there is one.

    Raises:
        TrainingRefused: there is too little to learn from, or the folder holds another run.
        TrainingDiverged: the loss became infinite.
        StorageFailed: the disk is full, read-only or failing.
    """
    started = time.monotonic()
    require_tunable(extractor, base, recipe)
    examples = gather(known, labels, recipe)
    division = divide(examples, recipe)
    material = describe(context, extractor, examples, division, recipe)
    held_out = held_out_queries(material, recipe)
    learnt = learn(context, extractor, material, held_out, recipe, resume=resume)
    if learnt.projection is None:
        seconds = time.monotonic() - started
        return TrainedHead(
            projection=None, examples=examples, result=learnt.result, tuned=learnt.tuned, seconds=seconds
        )
    judged = judge(context, base, material, learnt.features, learnt.projection, held_out, recipe)
    return TrainedHead(
        projection=learnt.projection,
        examples=examples,
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
    if recipe.tune is None:
        return
    if not isinstance(extractor, NetworkFeatures):
        raise TrainingRefused(
            f"{base.base}: only its head can be trained; start from efficientnet-lite0, or choose a --backbone"
        )
    freeze(extractor.network, recipe.tune)


def gather(known: KnownImages, labels: Labels, recipe: HeadRecipe) -> Examples:
    """The images of a run and their labels; graded or clicked images come first.

    Raises:
        TrainingRefused: a teacher is to be learnt from, and none was named.
    """
    if "teacher" in recipe.shares and labels.teacher is None:
        raise TrainingRefused("teacher: none was named")
    if "teacher" not in recipe.shares:
        labels = replace(labels, teacher=None)
    pairs = tuple(without_low_grades(labels.clicks.pairs if labels.clicks else (), labels.graded))
    needed = {image_of(name) for name in names_in(labels.graded)}
    needed |= {image for pair in pairs for image in pair.images}
    return Examples(known=known.sample(needed, recipe.most_images), labels=labels, pairs=pairs)


def divide(examples: Examples, recipe: HeadRecipe) -> Division:
    """Divide the images by groups into training, validation and test."""
    known = examples.known
    alike = near_duplicate_groups(known.image_ids, known.difference_hashes, known.vectors)
    leaders: dict[str, str] = {}
    pairs = [(image_id, leader) for image_id, leader in alike.items() if image_id != leader]
    for image_id in known.image_ids:
        named = examples.labels.groups.get(image_id)
        if named is not None:
            pairs.append((image_id, leaders.setdefault(named, image_id)))
    groups = joined_groups(known.image_ids, pairs)
    images = split(known.image_ids, groups, recipe.shares_held_out)
    held = [image_id for image_id in known.image_ids if images.parts[image_id] is not Part.TRAIN]
    crops = crop_names(held, seed=recipe.seed) if "views" in recipe.shares else {}
    return Division(groups=groups, images=images, crops=crops)


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
    if "views" in recipe.shares:
        views = {image_id: library.view_names(image_id, recipe.views) for image_id in training}
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


def held_out_queries(material: Material, recipe: HeadRecipe) -> dict[tuple[str, Part], HeldOut]:
    """The queries that validate and test, by what they show.

    Grades judge whatever was learnt from; where they validate, what clicks or a teacher say does not.
    """
    found: dict[tuple[str, Part], HeldOut | None] = {}
    for part in (Part.VALIDATION, Part.TEST):
        graded = SOURCES["grades"].held_out(material, part)
        found["grades", part] = graded
        for name, source in SOURCES.items():
            outranked = source.yields_to_grades and part is Part.VALIDATION and graded is not None
            if name != "grades" and name in recipe.shares and not outranked:
                found[name, part] = source.held_out(material, part)
    return {key: value for key, value in found.items() if value is not None}


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
    if recipe.tune is not None:
        tuned, features = _fine_tune(
            context, extractor, head, material, validation, recipe, recipe.tune, description, resume=resume
        )
        if tuned.result.stopped is Stopped.INTERRUPTED:
            return unfinished(tuned=tuned)
    learnt = [
        row
        for row, name in enumerate(material.names)
        if material.parts.parts.get(name) is Part.TRAIN and not (tuned and is_view(name))
    ]
    projection = as_projection(head, features=features[learnt], base=material.start, of="descriptors")
    return LearntHead(result=result, projection=projection, features=features, counts=counts, tuned=tuned)


def _sources(material: Material, recipe: HeadRecipe, tune: TuneRecipe | None = None) -> list[Source]:
    """Over features; or, for fine-tuning, over row numbers, in smaller batches."""
    inputs = material.features if tune is None else as_rows(len(material.names))
    rows = [row for row, name in enumerate(material.names) if material.parts.parts.get(name) is Part.TRAIN]
    names = [material.names[row] for row in rows]
    images = HeadData(
        image_ids=names,
        features=np.ascontiguousarray(inputs[rows]),
        groups={name: material.groups[image_of(name)] for name in names},
    )
    settings = {
        "batch": recipe.batch if tune is None else tune.batch,
        "others": 4 * recipe.batch if tune is None else 2 * tune.batch,
        "graded": _GRADED if tune is None else tune.graded,
        "stand_ins": recipe.stand_ins,
        "seed": recipe.seed,
    }
    training = TrainingRows(images=images, of=rows, settings=settings)
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
        loss_of=mixed.loss_of,
        settings=LoopSettings(
            steps=recipe.steps,
            learning_rate=recipe.learning_rate,
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
    model = tuned_network(
        extractor,
        head,
        material.start.mean,
        tune,
        names=material.names,
        prepare=context.described_by(extractor).prepared,
        descriptors=context.descriptors,
        folder=run.path,
        progress=context.progress,
    )
    tuning = FineTuning(
        model,
        tune,
        sources=_sources(material, recipe, tune),
        names=material.names,
        validation=validation,
        gallery=material.examples.known.image_ids,
        folder=run,
        progress=context.progress,
    )
    tuned = tuning.run(description, seed=recipe.seed, resume=resume)
    features = material.features
    if tuned.result.stopped is not Stopped.INTERRUPTED and tuned.kept:
        needed = [row for row, name in enumerate(material.names) if not is_view(name)]
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


def judge(
    context: TrainingContext,
    base: EncoderFeatures,
    material: Material,
    features: Descriptors,
    projection: Projection,
    held_out: Mapping[tuple[str, Part], HeldOut],
    recipe: HeadRecipe,
) -> tuple[Judged, ...]:
    """Compare the new model with its base on the test queries, by exact search."""
    tests = [held for (_, part), held in held_out.items() if part is Part.TEST]
    if not tests:
        return ()
    rows = [row for row, name in enumerate(material.names) if not is_view(name)]
    names = [material.names[row] for row in rows]
    trained = unit_rows(features[rows] @ projection.matrix)
    before = vectors_by(context, base, names)
    ranking = ExactRanking(names, material.examples.known.image_ids)
    context.progress.stage("Judging", len(tests))
    judged = []
    for held in tests:
        judged.append(ranking.compare(trained, before, held, resamples=recipe.resamples))
        context.progress.advance(1)
    return tuple(judged)


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


def keep(
    context: TrainingContext,
    extractor: FeatureExtractor,
    trained: TrainedHead,
    *,
    name: str,
    summary: str,
    card: CardMaker,
) -> NewModel:
    """Bring the new model into the models folder, with its card.

    Raises:
        ModelRefused: what would serve is too far from what was trained.
        StorageFailed: the disk is full, read-only or failing.
    """
    if trained.projection is None:
        raise InternalFault("an interrupted run was to become a model")
    library = context.described_by(extractor)
    pictures = np.stack([library.prepared(image) for image in trained.examples.known.image_ids[:PICTURES]])
    return extractor.become(name, trained.projection, summary=summary, pictures=pictures, files=context.run, card=card)


def keep_queries(context: TrainingContext, judged: Sequence[Judged]) -> dict[str, Path]:
    """Write the test queries into the run's folder, so that `promote` can judge by them: name -> file."""
    files = {}
    for one in judged:
        path = context.run / f"held-out-{one.held_out.name}.tsv"
        write_judgements(one.held_out.judgements, path)
        files[one.held_out.name] = path
    return files
