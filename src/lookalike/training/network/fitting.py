"""From a library and what people said about it to a model of its own: describe, divide, learn, judge, keep."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import Projection
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import InternalFault, TrainingRefused
from lookalike.evaluation import write_judgements
from lookalike.preprocessing import Limits
from lookalike.training.examples import (
    ClickPairs,
    GradedQuery,
    Part,
    Split,
    SplitShares,
    joined_groups,
    near_duplicate_groups,
    split,
    without_low_grades,
)
from lookalike.training.extractors import PICTURES, EncoderFeatures, FeatureExtractor, NewModel
from lookalike.training.held_out import ExactRanking, HeldOut, Judged, unit_rows
from lookalike.training.library import DescribedLibrary, KnownImages, Watching, crop_names, image_of
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.fine_tuning import FILE, FineTuning, Tuned, TuneRecipe, as_rows, freeze, tuned_network
from lookalike.training.network.head import HeadData, LinearHead, as_projection
from lookalike.training.network.loop import LoopSettings, Stopped, Training, TrainingResult
from lookalike.training.network.sources import (
    MixedSources,
    Source,
    click_held_out,
    click_source,
    crops_held_out,
    graded_held_out,
    graded_source,
    names_in,
    spread,
    view_source,
)
from lookalike.training.network.teaching import taught_held_out, taught_source, taught_start
from lookalike.training.run import RunFolder
from lookalike.types import Vectors

_GRADED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """How a head is trained.

    Attributes:
        shares: source -> its share of the loss: `grades`, `clicks`, `views`, `teacher`.
        dimension: of the vectors; None for the base's.
        steps: at most; training stops before when validation gets no better.
        learning_rate: the highest.
        pull: how strongly the head is drawn back to where it began; see `head.LinearHead`.
        batch: queries or pairs in a batch.
        stand_ins: see `head.GradedBatches`.
        views: altered views of each image.
        tune: how the network is fine-tuned once its head is trained; None to leave it as it is.
        most_images: that are described; those that were graded or clicked come first.
        shares_held_out: how much is kept to validate and to test by.
        resamples: for intervals.
        seed: of the division, the batches and the views.
    """

    shares: Mapping[str, float]
    dimension: int | None = None
    steps: int = 600
    learning_rate: float = 1e-3
    pull: float = 0.0
    batch: int = 96
    stand_ins: float = 0.5
    views: int = 2
    tune: TuneRecipe | None = None
    most_images: int = 20_000
    shares_held_out: SplitShares = field(default_factory=SplitShares)
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.shares) - {"grades", "clicks", "views", "teacher"})
        if unknown or not self.shares:
            raise TrainingRefused(
                f"cannot learn from {', '.join(unknown) or 'nothing'}: name grades, clicks, views or teacher"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What people said.

    Attributes:
        graded: queries with grades.
        clicks: pairs from clicks.
        teacher: a larger model, whose vectors are learnt from.
        groups: image id -> a name, for images that must not be divided between training and test; see `--split-by`.
    """

    graded: Sequence[GradedQuery] = ()
    clicks: ClickPairs | None = None
    teacher: EncoderFeatures | None = None
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedHead:
    """What came of a run.

    Attributes:
        made: the new model; None when the run was interrupted.
        result: of the loop.
        tuned: what fine-tuning the network came to; None where only the head was trained.
        judged: the new model against its base, on held-out queries.
        held_out: files of those queries, by name, for `lookalike models promote --judgements`.
        sources: what was learnt from, by source.
        images: in each part, and left out.
        refused: image -> why it could not be described.
        seconds: of the whole run.
    """

    made: NewModel | None
    result: TrainingResult
    tuned: Tuned | None = None
    judged: tuple[Judged, ...] = ()
    held_out: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class HeadTraining:
    """One run.

    Args:
        catalog: of the library.
        frozen: what the head is over.
        base: what the new model is compared with.
        known: the library's images.
        labels: what people said.
        recipe: how.
        run: the run's folder.
        descriptors: folder of all descriptors.
        limits: for images.
        watching: is told how far it is.
        tell: gets every line of metrics, after what is trained by then: `head` or `fine-tuning`.
    """

    def __init__(
        self,
        catalog: Catalog,
        frozen: FeatureExtractor,
        base: EncoderFeatures,
        known: KnownImages,
        labels: Labels,
        recipe: HeadRecipe,
        *,
        run: Path,
        descriptors: Path,
        limits: Limits,
        watching: Watching,
        tell: Callable[[str, Mapping[str, Any]], None] = lambda _part, _line: None,
    ) -> None:
        self._catalog, self._frozen, self._base, self._recipe = catalog, frozen, base, recipe
        self._run, self._tell = RunFolder(run, tell=partial(tell, "head")), tell
        self._watching, self._descriptors = watching, descriptors
        self._limits = limits
        self._described = self._described_by(frozen)
        self._teacher = labels.teacher if "teacher" in recipe.shares else None
        if "teacher" in recipe.shares and self._teacher is None:
            raise TrainingRefused("teacher: none was named")
        pairs = labels.clicks.pairs if labels.clicks else ()
        self._pairs = tuple(without_low_grades(pairs, labels.graded))
        needed = {image_of(name) for name in names_in(labels.graded)} | {
            image for pair in self._pairs for image in pair.images
        }
        self._labels = labels
        self._known = known.sample(needed, recipe.most_images)

    def train(self, name: str, *, summary: str, resume: bool) -> TrainedHead:
        """Learn, and bring the new model into the models folder.

        Args:
            name: of the new model.
            summary: one line for people.
            resume: go on with the run that is in the folder, if there is one.

        Raises:
            TrainingRefused: there is too little to learn from, or the folder holds another run.
            TrainingDiverged: the loss became infinite.
            StorageFailed: the disk is full, read-only or failing.
        """
        started = time.monotonic()
        self._require_tunable()
        names, features, refused = self._features()
        parts = spread(self._division.parts, names)
        held_out = self._held_out(parts, names)
        ranking = ExactRanking(names, self._known.image_ids)
        sources = self._sources(names, features, parts)
        head = LinearHead(self._start.matrix, pull=self._recipe.pull)
        result = self._learn(head, sources, features, ranking, held_out, resume=resume)
        if result.stopped is Stopped.INTERRUPTED:
            return TrainedHead(made=None, result=result, seconds=time.monotonic() - started)
        tuned = None
        if self._recipe.tune is not None:
            tuned, features = self._fine_tune(head, self._recipe.tune, names, features, parts, held_out, resume=resume)
            if tuned.result.stopped is Stopped.INTERRUPTED:
                return TrainedHead(made=None, result=result, tuned=tuned, seconds=time.monotonic() - started)
        training_rows = [
            row for row, one in enumerate(names) if parts.parts.get(one) is Part.TRAIN and not (tuned and "~" in one)
        ]
        projection = as_projection(head, features=features[training_rows], base=self._start, of="descriptors")
        judged = self._judge(names, features, projection, self._tests(held_out))
        return TrainedHead(
            made=self._become(name, projection, summary),
            result=result,
            tuned=tuned,
            judged=judged,
            held_out=self._keep(judged),
            sources={source.name: source.counts for source in sources},
            images={part.value: len(self._division.images(part)) for part in Part},
            refused=refused,
            seconds=time.monotonic() - started,
        )

    def _described_by(self, model: FeatureExtractor) -> DescribedLibrary:
        return DescribedLibrary(
            self._catalog, model.encoder, model.preprocessing, folder=self._descriptors, limits=self._limits
        )

    def _require_tunable(self) -> None:
        """Said before minutes are spent on the head."""
        if self._recipe.tune is None:
            return
        if not isinstance(self._frozen, NetworkFeatures):
            raise TrainingRefused(
                f"{self._base.base}: only its head can be trained here; start from efficientnet-lite0, or name a"
                " --backbone"
            )
        freeze(self._frozen.network, self._recipe.tune)

    @cached_property
    def _groups(self) -> dict[str, str]:
        """Near-duplicates are together, and so is what the user says belongs together."""
        known = self._known
        alike = near_duplicate_groups(known.image_ids, known.difference_hashes, known.vectors)
        leaders: dict[str, str] = {}
        pairs = [(image_id, leader) for image_id, leader in alike.items() if image_id != leader]
        for image_id in known.image_ids:
            named = self._labels.groups.get(image_id)
            if named is not None:
                pairs.append((image_id, leaders.setdefault(named, image_id)))
        return joined_groups(known.image_ids, pairs)

    @cached_property
    def _division(self) -> Split:
        return split(self._known.image_ids, self._groups, self._recipe.shares_held_out)

    def _features(self) -> tuple[tuple[str, ...], Descriptors, dict[str, str]]:
        """Names, the head's inputs less the start's mean, [names, d] float32, and what could not be described."""
        images = len(self._division.images(Part.TRAIN))
        if images < self._frozen.least_images(self._recipe.dimension):
            raise TrainingRefused(
                f"{images} images to learn from are too few to start {self._frozen.base} with vectors of"
                f" {self._recipe.dimension or 'that many'} dimensions: index more, or ask for --dimension {images // 4}"
            )
        names = [*self._known.image_ids, *self._queried_parts(), *self._crops.values(), *self._views()]
        self._watching.stage(f"Describing by {self._frozen.encoder.name}", len(names))
        described = self._described.describe(names, self._watching.advance)
        rows = described.features()
        learnt = [row for row, name in enumerate(described.image_ids) if self._division.parts.get(name) is Part.TRAIN]
        if not learnt:
            raise TrainingRefused(f"{len(described.image_ids)} images leave none to learn from: index more images")
        self._frozen.learn(rows[learnt], self._recipe.dimension)
        inputs = self._frozen.inputs(rows)
        self._start = self._frozen.start
        if self._teacher is not None:
            self._start = self._taught_start([described.image_ids[row] for row in learnt], inputs[learnt])
        return described.image_ids, inputs - self._start.mean, described.refused

    @cached_property
    def _taught(self) -> dict[str, Vectors]:
        """Image id -> the teacher's vector, of every image that was described."""
        if self._teacher is None:
            return {}
        vectors = self._vectors_by(self._teacher, self._known.image_ids)
        return dict(zip(self._known.image_ids, vectors, strict=True))

    def _taught_start(self, names: Sequence[str], inputs: Descriptors) -> Projection:
        rows = [row for row, name in enumerate(names) if name in self._taught]
        whole = [names[row] for row in rows]
        return taught_start(
            inputs[rows],
            np.stack([self._taught[name] for name in whole]),
            dimension=self._recipe.dimension,
            groups=[self._groups[name] for name in whole],
        )

    def _queried_parts(self) -> list[str]:
        known = set(self._known.image_ids)
        return sorted(
            {
                query.query
                for query in self._labels.graded
                if query.query not in known and image_of(query.query) in known
            }
        )

    @cached_property
    def _crops(self) -> dict[str, str]:
        """Parts of images, to validate and test learning from views by."""
        if "views" not in self._recipe.shares:
            return {}
        parts = self._division.parts
        held = [image_id for image_id in self._known.image_ids if parts[image_id] is not Part.TRAIN]
        return crop_names(held, seed=self._recipe.seed)

    def _views(self) -> list[str]:
        if "views" not in self._recipe.shares:
            return []
        images = self._division.images(Part.TRAIN)
        return [name for image in images for name in self._described.view_names(image, self._recipe.views)]

    def _held_out(self, parts: Split, names: Sequence[str]) -> dict[tuple[str, Part], HeldOut]:
        found: dict[tuple[str, Part], HeldOut | None] = {}
        known = set(names)
        crops = self._crops
        for part in (Part.VALIDATION, Part.TEST):
            found["grades", part] = graded_held_out(self._labels.graded, parts, part, known)
            said_better = part is Part.VALIDATION and found["grades", part] is not None
            if "clicks" in self._recipe.shares and not said_better:
                found["clicks", part] = click_held_out(self._pairs, parts, part, known)
            mine = {image: name for image, name in crops.items() if parts.parts.get(image) is part}
            found["crops", part] = crops_held_out(mine, known)
            if self._teacher is not None and not said_better:
                asked = [image for image in self._known.image_ids if parts.parts.get(image) is part]
                found["teacher", part] = taught_held_out(asked, self._taught)
        return {key: value for key, value in found.items() if value is not None}

    def _graded_in(self, known: set[str]) -> list[GradedQuery]:
        """Graded queries that were described, with the grades of images that were."""
        kept = []
        for query in self._labels.graded:
            here = [(one, grade) for one, grade in zip(query.images, query.grades, strict=True) if one in known]
            if query.query in known and here:
                images, grades = zip(*here, strict=True)
                kept.append(GradedQuery(query=query.query, images=images, grades=grades))
        return kept

    def _sources(
        self, names: Sequence[str], features: Descriptors, parts: Split, tune: TuneRecipe | None = None
    ) -> list[Source]:
        """Over features; or, for fine-tuning, over row numbers, in smaller batches."""
        rows = [row for row, name in enumerate(names) if parts.parts.get(name) is Part.TRAIN]
        mine = [names[row] for row in rows]
        images = HeadData(
            image_ids=mine,
            features=np.ascontiguousarray((features if tune is None else as_rows(len(names)))[rows]),
            groups={name: self._groups[image_of(name)] for name in mine},
        )
        recipe = self._recipe
        batches = {
            "batch": recipe.batch if tune is None else tune.batch,
            "others": 4 * recipe.batch if tune is None else 2 * tune.batch,
            "graded": _GRADED if tune is None else tune.graded,
            "stand_ins": recipe.stand_ins,
            "seed": recipe.seed,
        }
        nearness = unit_rows(features[rows] @ self._start.matrix) if "clicks" in recipe.shares else None
        return [
            self._source(kind, share, images, parts, batches=batches, nearness=nearness)
            for kind, share in recipe.shares.items()
        ]

    def _source(
        self,
        kind: str,
        share: float,
        images: HeadData,
        parts: Split,
        *,
        batches: Mapping[str, Any],
        nearness: Vectors | None,
    ) -> Source:
        recipe, known = self._recipe, set(images.image_ids)
        if kind == "grades":
            return graded_source(images, self._graded_in(known), parts, share=share, settings=batches)
        if kind == "clicks":
            if self._labels.clicks is None or nearness is None:
                raise TrainingRefused("clicks: none were read")
            pairs = [pair for pair in self._pairs if {pair.query, pair.positive} <= known]
            return click_source(
                images,
                self._labels.clicks,
                pairs,
                parts,
                share=share,
                nearness=nearness,
                settings=batches,
            )
        if kind == "teacher":
            rows = [row for row, name in enumerate(images.image_ids) if name in self._taught]
            whole = [images.image_ids[row] for row in rows]
            return taught_source(
                HeadData(image_ids=whole, features=images.features[rows], groups=images.groups),
                np.stack([self._taught[name] for name in whole]),
                share=share,
                batch=4 * batches["batch"],
                seed=recipe.seed,
            )
        views = {image: self._described.view_names(image, recipe.views) for image in known if image == image_of(image)}
        ordered = dict(sorted(views.items()))
        return view_source(images, ordered, known, share=share, batch=4 * batches["batch"])

    def _learn(
        self,
        head: LinearHead,
        sources: Sequence[Source],
        features: Descriptors,
        ranking: ExactRanking,
        held_out: Mapping[tuple[str, Part], HeldOut],
        *,
        resume: bool,
    ) -> TrainingResult:
        mixed = MixedSources(sources)
        validation = [held for (_, part), held in held_out.items() if part is Part.VALIDATION]

        def validate(model: object) -> float:
            weight = model.weight.detach().numpy()  # type: ignore[attr-defined]
            vectors = unit_rows(features @ weight)
            return float(np.mean([ranking.value(vectors, held) for held in validation]))

        recipe = self._recipe
        self._watching.stage("Learning", recipe.steps)
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
            folder=self._run,
            validate=validate if validation else None,
            after_step=lambda _: self._watching.advance(1),
            describe=self._description(features),
        )
        return training.run(resume=resume)

    def _fine_tune(
        self,
        head: LinearHead,
        recipe: TuneRecipe,
        names: Sequence[str],
        features: Descriptors,
        parts: Split,
        held_out: Mapping[tuple[str, Part], HeldOut],
        *,
        resume: bool,
    ) -> tuple[Tuned, Descriptors]:
        """The network and its head together, in place; and the features that come of it."""
        if not isinstance(self._frozen, NetworkFeatures):
            raise InternalFault("a model without a network was to be fine-tuned")
        run = RunFolder(self._run.path / "fine-tuning", tell=partial(self._tell, "fine-tuning"))
        model = tuned_network(
            self._frozen,
            head,
            self._start.mean,
            recipe,
            names=names,
            prepare=self._described.prepared,
            descriptors=self._descriptors,
            folder=run.path,
            watching=self._watching,
        )
        tuning = FineTuning(
            model,
            recipe,
            sources=self._sources(names, features, parts, recipe),
            names=names,
            validation=[held for (_, part), held in held_out.items() if part is Part.VALIDATION],
            gallery=self._known.image_ids,
            folder=run,
            watching=self._watching,
        )
        tuned = tuning.run(self._description(features), seed=self._recipe.seed, resume=resume)
        if tuned.result.stopped is not Stopped.INTERRUPTED and tuned.kept:
            needed = [row for row, name in enumerate(names) if "~" not in name]
            self._watching.stage("Describing by the fine-tuned network", len(needed))
            features = features.copy()
            features[needed] = model.features(needed, self._watching)
        (run.path / FILE).unlink(missing_ok=True)
        return tuned, features

    def _description(self, features: Descriptors) -> dict[str, object]:
        """What a run may only go on with: settings, images and labels."""
        labels = hashlib.sha256()
        for query in self._labels.graded:
            labels.update(json.dumps([query.query, query.images, query.grades]).encode())
        for pair in self._pairs:
            labels.update(json.dumps([pair.query, pair.positive, pair.weight]).encode())
        recipe = asdict(self._recipe)
        return {
            "recipe": recipe | {"shares": dict(self._recipe.shares)},
            "base": self._frozen.encoder.fingerprint,
            "features": [*features.shape, hashlib.sha256(np.ascontiguousarray(features).tobytes()).hexdigest()],
            "labels": labels.hexdigest(),
            "teacher": self._teacher.encoder.fingerprint if self._teacher else None,
        }

    @staticmethod
    def _tests(held_out: Mapping[tuple[str, Part], HeldOut]) -> list[HeldOut]:
        return [held for (_, part), held in held_out.items() if part is Part.TEST]

    def _judge(
        self,
        names: Sequence[str],
        features: Descriptors,
        projection: Projection,
        tests: Sequence[HeldOut],
    ) -> tuple[Judged, ...]:
        if not tests:
            return ()
        kept = [name for name in names if "~" not in name]
        places = {name: row for row, name in enumerate(names)}
        trained = unit_rows(features[[places[name] for name in kept]] @ projection.matrix)
        base = self._vectors_by(self._base, kept)
        over = ExactRanking(kept, self._known.image_ids)
        self._watching.stage("Judging", len(tests))
        judged = []
        for held in tests:
            judged.append(over.compare(trained, base, held, resamples=self._recipe.resamples))
            self._watching.advance(1)
        return tuple(judged)

    def _vectors_by(self, model: EncoderFeatures, names: Sequence[str]) -> Vectors:
        """As the library holds them; what it does not hold, such as parts of images, is described."""
        stored = self._catalog.vectors(model.encoder.fingerprint, [name for name in names if "#" not in name])
        others = [name for name in names if name not in stored]
        if others:
            self._watching.stage(f"Describing by {model.base}", len(others))
            described = self._described_by(model).describe(others, self._watching.advance).features()
            stored |= dict(zip(others, to_vectors(described, model.projection), strict=True))
        return np.stack([stored[name] for name in names])

    def _become(self, name: str, projection: Projection, summary: str) -> NewModel:
        pictures = np.stack([self._described.prepared(image) for image in self._known.image_ids[:PICTURES]])
        return self._frozen.become(name, projection, summary=summary, pictures=pictures, files=self._run.path)

    def _keep(self, judged: Sequence[Judged]) -> dict[str, Path]:
        """The test queries as files, so that `promote` can judge by them."""
        files = {}
        for one in judged:
            path = self._run.path / f"held-out-{one.held_out.name}.tsv"
            write_judgements(one.held_out.judgements, path)
            files[one.held_out.name] = path
        return files
