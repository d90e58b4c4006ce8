"""Learning a head, and the network where that is asked for: the part of training that needs torch."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from lookalike.embedding import open_encoder
from lookalike.embedding.derived import require_new_name
from lookalike.errors import CallerError
from lookalike.library.learning import (
    WITH_LEVELS,
    LearningStart,
    graded_in,
    kept_card,
    kept_together,
    require_features,
    start_of,
    takes_levels,
)
from lookalike.library.levels import level_features
from lookalike.library.parts import LibraryParts
from lookalike.library.review import reviewed_pairs
from lookalike.library.train import TrainRequest, TrainResult
from lookalike.library.training_card import METHODS, keep_report, training_card
from lookalike.progress import Progress
from lookalike.settings import user_path
from lookalike.training.examples import ClickPairs, ClickRules, click_pairs
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.network.context import TrainingContext
from lookalike.training.network.dividing import gather
from lookalike.training.network.fitting import TrainedHead, keep, train_network
from lookalike.training.network.fitting import train_head as fit_head
from lookalike.training.network.loop import use_threads
from lookalike.training.network.named_backbones import NamedBackbone, OpenedBackbone
from lookalike.training.network.source_kinds import Labels
from lookalike.training.recipes import UNLABELLED, HeadRecipe, PretrainRecipe
from lookalike.training.scalar_events import ScalarEvents
from lookalike.training.whitening import least_images

Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]


def train_head(library: LibraryParts, request: TrainRequest, progress: Progress) -> TrainResult:
    """What `lookalike.library.train.train` does."""
    _require_one_process()
    start = start_of(library, library.base_model(request.base))
    require_new_name(request.name, start.base.base)
    learner = _learner(library, start, request)
    for note in learner.notes:
        progress.note(note)
    run = _run_folder(library, request)
    ended = partial(TrainResult, network=learner.network, summary=learner.summary, base=start.base.base, run=run)
    with _teacher(library, start, request) as teacher, _curves(library, request) as tell:
        labels, warnings = _labels_of(library, request, teacher)
        context = TrainingContext(
            catalog=library.catalog,
            limits=start.limits,
            descriptors=start.descriptors,
            run=run,
            progress=progress,
            tell=tell,
        )
        use_threads(library.settings.threads)
        trained = learner.train(context, labels)
        if trained.projection is None or trained.extractor is None:
            return ended(card=None, trained=trained, warnings=warnings)
        card = training_card(request, trained.extractor, start.base, trained, notes=learner.notes)
        made = keep(context, trained, name=request.name, summary=learner.summary, card=card)
    found = kept_card(made)
    keep_report(found, run)
    return ended(card=found, trained=trained, warnings=warnings)


@dataclass(frozen=True, kw_only=True)
class _Learner:
    """What is trained.

    Attributes:
        network: what the new model is made from.
        summary: of the new model, in one line.
        train: trains and judges it.
        notes: what to know about its start.
    """

    network: str
    summary: str
    train: Callable[[TrainingContext, Labels], TrainedHead]
    notes: tuple[str, ...] = ()


def _learner(library: LibraryParts, start: LearningStart, request: TrainRequest) -> _Learner:
    """A head over features, or a whole network on views."""
    recipe, known, tune = request.recipe, start.known, request.recipe.tune
    if isinstance(tune, PretrainRecipe):
        backbone = _backbone(start, request, tune)
        models, threads = library.settings.models, library.settings.threads or None
        return _Learner(
            network=backbone.name,
            summary=f"{backbone.name} trained on views by {METHODS[tune.loss]}",
            train=lambda context, labels: train_network(
                context,
                backbone,
                start.base,
                gather(known, labels, recipe),
                recipe,
                as_features=lambda: backbone.pretrained(folder=context.run / "network", models=models, threads=threads),
                resume=request.resume,
            ),
        )
    extractor = _extractor(library, start, request)
    return _Learner(
        network=extractor.base,
        summary=f"{extractor.base} with a head learnt from {', '.join(recipe.shares)}",
        train=lambda context, labels: fit_head(
            context, extractor, start.base, gather(known, labels, recipe), recipe, resume=request.resume
        ),
        notes=_small_library(start, recipe) if extractor is start.base else (),
    )


def _small_library(start: LearningStart, recipe: HeadRecipe) -> tuple[str, ...]:
    """That the head starts from the model's own projection, where there are too few images to fit another."""
    images, least = _images(start, recipe), least_images(start.base.encoder.dimension)
    if images >= least or recipe.dimension is not None or start.base.projection is None:
        return ()
    base = start.base.base
    return (f"{images:,} images to learn from are fewer than {least:,}: the head starts from {base}'s own projection.",)


def _images(start: LearningStart, recipe: HeadRecipe) -> int:
    """About how many images there are to learn from."""
    shares = recipe.shares_held_out
    described = min(len(start.known.image_ids), recipe.most_images)
    return int(described * (1 - shares.validation - shares.test))


def _require_one_process() -> None:
    """Training is one process.

    Raises:
        CallerError: `torchrun` started several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CallerError(
            "train: runs in one process and uses all cores with threads; start it without torchrun (LOOKALIKE_THREADS"
            " says how many)"
        )


def _run_folder(library: LibraryParts, request: TrainRequest) -> Path:
    return request.run or library.settings.library / "training" / "runs" / request.name


def _backbone(start: LearningStart, request: TrainRequest, tune: PretrainRecipe) -> OpenedBackbone:
    """The network that is trained on views.

    Raises:
        CallerError: the base has none, or its levels were asked for.
        TrainingRefused, FetchFailed: its weights could not be had.
    """
    require_features(request.features)
    if request.features == "levels":
        raise CallerError(f"--features levels: {tune.loss} trains a network for its final features")
    if request.backbone is None and start.base.base not in WITH_LEVELS:
        raise CallerError(
            f"--loss {tune.loss}: trains a network, and {start.base.base} comes without one that can be trained: choose"
            " a --backbone, such as resnet18:random"
        )
    asked = NamedBackbone.parse(request.backbone or start.base.base)
    return asked.opened(folder=start.folder / "backbones", seed=request.recipe.seed)


def _extractor(library: LibraryParts, start: LearningStart, request: TrainRequest) -> FeatureExtractor:
    """What the head is over."""
    recipe = request.recipe
    backbone = request.backbone
    if backbone is None:
        images = _images(start, recipe)
        levels = takes_levels(start, request.features, images=images, dimension=recipe.dimension)
        if levels and not (request.features == "auto" and set(recipe.shares) == {"teacher"}):
            return level_features(library, start, labelled=not set(recipe.shares) <= UNLABELLED)
        if recipe.tune is None or start.base.base not in WITH_LEVELS:
            return start.base
        backbone = start.base.base
    require_features(request.features)
    folder = start.folder / "backbones"
    opened = NamedBackbone.parse(backbone).opened(folder=folder, seed=recipe.seed)
    return opened.features(
        request.features,
        folder=folder,
        models=library.settings.models,
        threads=library.settings.threads or None,
    )


def _labels_of(
    library: LibraryParts, request: TrainRequest, teacher: EncoderFeatures | None
) -> tuple[Labels, tuple[str, ...]]:
    recipe = request.recipe
    wants_grades = "grades" in recipe.shares or request.judgements is not None
    graded, warnings = graded_in(library, request.judgements) if wants_grades else ([], ())
    clicks = _clicks(library, request) if "clicks" in recipe.shares else None
    groups = kept_together(library, request.split_by, request.images)
    return Labels(graded=graded, clicks=clicks, teacher=teacher, groups=groups), warnings


@contextmanager
def _curves(library: LibraryParts, request: TrainRequest) -> Iterator[Tell]:
    """What hears every line of metrics."""
    if not request.tensorboard:
        yield lambda _part, _line: None
        return
    with ScalarEvents(_run_folder(library, request) / "tensorboard") as events:
        yield events.tell


@contextmanager
def _teacher(library: LibraryParts, start: LearningStart, request: TrainRequest) -> Iterator[EncoderFeatures | None]:
    """The larger model, opened while it is needed.

    Raises:
        ModelMissing: it is not on this machine.
        CallerError: it is the model that learns.
    """
    if "teacher" not in request.recipe.shares:
        yield None
        return
    if request.teacher == start.base.base:
        raise CallerError(
            f"--teacher {request.teacher}: is the model to be trained; choose a larger teacher, or another --from"
        )
    models = library.settings.models
    with open_encoder(
        request.teacher, models=models, mode="throughput", threads=library.settings.threads or None
    ) as encoder:
        yield EncoderFeatures(encoder, models)


def _clicks(library: LibraryParts, request: TrainRequest) -> ClickPairs:
    propensities, offsets = _bias_by_rank(request.position_bias)
    interactions = list(library.catalog.interactions.read())
    clicked = library.catalog.images.get_many(sorted({event.image_id for event in interactions}))
    owners = {image_id: image.owner_id for image_id, image in clicked.items() if image.owner_id}
    return click_pairs(
        library.catalog.queries.followed(),
        interactions,
        owners=owners,
        rules=ClickRules(
            least_clicks=request.least_clicks,
            include_simulated=request.include_simulated,
            propensities=propensities,
            offsets=offsets,
            reviewed=reviewed_pairs(library.catalog, request.reviewed) if request.reviewed else {},
        ),
    )


def _bias_by_rank(file: Path | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Propensities and offsets by rank; none where no file was named, and no offsets where a line has one number.

    Raises:
        CallerError: it cannot be read, a line has no propensity or no offset where others have one.
    """
    if file is None:
        return (), ()
    try:
        lines = user_path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"--position-bias {file}: cannot be read: {error}") from None
    rows = [
        _numbers(line, f"--position-bias {file}: rank {rank}") for rank, line in enumerate(filter(str.strip, lines), 1)
    ]
    if not rows:
        raise CallerError(f"--position-bias {file}: is empty: write one number per line, one for each rank")
    if len({len(row) for row in rows}) > 1:
        raise CallerError(f"--position-bias {file}: some ranks have an offset and some have none; write one for each")
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows if len(row) > 1)


def _numbers(line: str, place: str) -> tuple[float, ...]:
    """A propensity, and perhaps an offset."""
    try:
        numbers = tuple(map(float, line.split()))
    except ValueError:
        numbers = (0.0,)
    if not 0 < numbers[0] <= 1:
        raise CallerError(f"{place}: {line[:40]!r} must be above 0 and at most 1")
    if len(numbers) > 2 or not all(0 <= offset < 1 for offset in numbers[1:]):  # noqa: PLR2004
        raise CallerError(f"{place}: {line[:40]!r} must be a propensity and at most one offset, from 0 to below 1")
    return numbers
