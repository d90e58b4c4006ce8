"""From a library and what people said about it to a model of its own: describe, divide, learn, judge, keep."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lookalike.catalog import Catalog
from lookalike.embedding import Projection
from lookalike.embedding.projection import to_vectors
from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import TrainingRefused
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
from lookalike.training.frozen import Frozen, FrozenModel, Made
from lookalike.training.head import HeadData, LinearHead, as_projection
from lookalike.training.held_out import ExactRanking, HeldOut, Judged, unit_rows
from lookalike.training.library import DescribedLibrary, KnownImages, Watching, crop_names, image_of
from lookalike.training.loop import LoopSettings, Stopped, Training, TrainingResult
from lookalike.training.run import RunFolder
from lookalike.training.sources import (
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
from lookalike.types import Vectors

_PICTURES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """How a head is trained.

    Attributes:
        shares: source -> its share of the loss: `grades`, `clicks`, `views`.
        dimension: of the vectors; None for the base's.
        steps: at most; training stops before when validation gets no better.
        learning_rate: the highest.
        pull: how strongly the head is drawn back to where it began; see `head.LinearHead`.
        batch: queries or pairs in a batch.
        stand_ins: see `head.GradedBatches`.
        views: altered views of each image.
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
    most_images: int = 20_000
    shares_held_out: SplitShares = field(default_factory=SplitShares)
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.shares) - {"grades", "clicks", "views"})
        if unknown or not self.shares:
            raise TrainingRefused(f"cannot learn from {', '.join(unknown) or 'nothing'}: name grades, clicks or views")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What people said.

    Attributes:
        graded: queries with grades.
        clicks: pairs from clicks.
        groups: image id -> a name, for images that must not be divided between training and test; see `--split-by`.
    """

    graded: Sequence[GradedQuery] = ()
    clicks: ClickPairs | None = None
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedHead:
    """What came of a run.

    Attributes:
        made: the new model; None when the run was interrupted.
        result: of the loop.
        judged: the new model against its base, on held-out queries.
        held_out: files of those queries, by name, for `lookalike models promote --judgements`.
        sources: what was learnt from, by source.
        images: in each part, and left out.
        refused: image -> why it could not be described.
        seconds: of the whole run.
    """

    made: Made | None
    result: TrainingResult
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
    """

    def __init__(
        self,
        catalog: Catalog,
        frozen: Frozen,
        base: FrozenModel,
        known: KnownImages,
        labels: Labels,
        recipe: HeadRecipe,
        *,
        run: Path,
        descriptors: Path,
        limits: Limits,
        watching: Watching,
    ) -> None:
        self._catalog, self._frozen, self._base, self._recipe = catalog, frozen, base, recipe
        self._run, self._watching = RunFolder(run), watching
        self._described = DescribedLibrary(
            catalog, frozen.encoder, frozen.preprocessing, folder=descriptors, limits=limits
        )
        self._by_base = DescribedLibrary(catalog, base.encoder, base.preprocessing, folder=descriptors, limits=limits)
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
        names, features, refused = self._features()
        parts = spread(self._division.parts, names)
        held_out = self._held_out(parts, names)
        ranking = ExactRanking(names, self._known.image_ids)
        sources = self._sources(names, features, parts)
        head = LinearHead(self._frozen.start.matrix, pull=self._recipe.pull)
        result = self._learn(head, sources, features, ranking, held_out, resume=resume)
        if result.stopped is Stopped.INTERRUPTED:
            return TrainedHead(made=None, result=result, seconds=time.monotonic() - started)
        training_rows = [row for row, one in enumerate(names) if parts.parts.get(one) is Part.TRAIN]
        projection = as_projection(head, features=features[training_rows], base=self._frozen.start, of="descriptors")
        judged = self._judge(names, features, projection, self._tests(held_out))
        return TrainedHead(
            made=self._become(name, projection, summary),
            result=result,
            judged=judged,
            held_out=self._keep(judged),
            sources={source.name: source.counts for source in sources},
            images={part.value: len(self._division.images(part)) for part in Part},
            refused=refused,
            seconds=time.monotonic() - started,
        )

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
        names = [*self._known.image_ids, *self._queried_parts(), *self._crops.values(), *self._views()]
        self._watching.stage(f"Describing by {self._frozen.encoder.name}", len(names))
        described = self._described.describe(names, self._watching.advance)
        rows = described.features()
        learnt = [row for row, name in enumerate(described.image_ids) if self._division.parts.get(name) is Part.TRAIN]
        if not learnt:
            raise TrainingRefused(f"{len(described.image_ids)} images leave none to learn from: index more images")
        self._frozen.learn(rows[learnt], self._recipe.dimension)
        return described.image_ids, self._frozen.inputs(rows) - self._frozen.start.mean, described.refused

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

    def _sources(self, names: Sequence[str], features: Descriptors, parts: Split) -> list[Source]:
        rows = [row for row, name in enumerate(names) if parts.parts.get(name) is Part.TRAIN]
        mine = [names[row] for row in rows]
        images = HeadData(
            image_ids=mine,
            features=np.ascontiguousarray(features[rows]),
            groups={name: self._groups[image_of(name)] for name in mine},
        )
        return [self._source(kind, share, images, parts) for kind, share in self._recipe.shares.items()]

    def _source(self, kind: str, share: float, images: HeadData, parts: Split) -> Source:
        recipe, known = self._recipe, set(images.image_ids)
        settings = {
            "batch": recipe.batch,
            "others": 4 * recipe.batch,
            "stand_ins": recipe.stand_ins,
            "seed": recipe.seed,
        }
        if kind == "grades":
            return graded_source(images, self._graded_in(known), parts, share=share, settings=settings)
        if kind == "clicks":
            if self._labels.clicks is None:
                raise TrainingRefused("clicks: none were read")
            pairs = [pair for pair in self._pairs if {pair.query, pair.positive} <= known]
            return click_source(
                images,
                self._labels.clicks,
                pairs,
                parts,
                share=share,
                nearness=unit_rows(images.features @ self._frozen.start.matrix),
                settings=settings,
            )
        views = {image: self._described.view_names(image, recipe.views) for image in known if image == image_of(image)}
        ordered = dict(sorted(views.items()))
        return view_source(images, ordered, known, share=share, batch=4 * recipe.batch)

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
        base = self._vectors_of_base(kept)
        over = ExactRanking(kept, self._known.image_ids)
        self._watching.stage("Judging", len(tests))
        judged = []
        for held in tests:
            judged.append(over.compare(trained, base, held, resamples=self._recipe.resamples))
            self._watching.advance(1)
        return tuple(judged)

    def _vectors_of_base(self, names: Sequence[str]) -> Vectors:
        """As the library holds them; parts of images are described."""
        stored = self._catalog.vectors(self._base.encoder.fingerprint, [name for name in names if "#" not in name])
        others = [name for name in names if name not in stored]
        if others:
            self._watching.stage(f"Describing by {self._base.base}", len(others))
            described = self._by_base.describe(others, self._watching.advance).features()
            stored |= dict(zip(others, to_vectors(described, self._base.projection), strict=True))
        return np.stack([stored[name] for name in names])

    def _become(self, name: str, projection: Projection, summary: str) -> Made:
        pictures = np.stack([self._described.prepared(image) for image in self._known.image_ids[:_PICTURES]])
        return self._frozen.become(name, projection, summary=summary, pictures=pictures, files=self._run.path)

    def _keep(self, judged: Sequence[Judged]) -> dict[str, Path]:
        """The test queries as files, so that `promote` can judge by them."""
        files = {}
        for one in judged:
            path = self._run.path / f"held-out-{one.held_out.name}.tsv"
            write_judgements(one.held_out.judgements, path)
            files[one.held_out.name] = path
        return files
