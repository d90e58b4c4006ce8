"""Learning a head, and the network where that is asked for: the part of training that needs torch."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from lookalike.durable import replace_file
from lookalike.embedding import open_encoder
from lookalike.embedding.derived import require_new_name
from lookalike.errors import CallerError
from lookalike.library.learning import (
    WITH_LEVELS,
    LearningStart,
    card_of,
    graded_in,
    kept_card,
    kept_together,
    require_features,
    start_of,
    takes_levels,
)
from lookalike.library.levels import level_features
from lookalike.library.parts import LibraryParts
from lookalike.library.train import TrainRequest, TrainResult
from lookalike.progress import Progress
from lookalike.settings import user_path
from lookalike.training.card import CardMaker, ImageCounts, LabelSource, ModelCard
from lookalike.training.examples import ClickPairs, ClickRules, click_pairs
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.network.fitting import TrainedHead, TrainingContext, keep
from lookalike.training.network.fitting import train_head as fit_head
from lookalike.training.network.named_backbones import NamedBackbone
from lookalike.training.network.parallel import use_threads
from lookalike.training.network.source_kinds import Labels
from lookalike.training.plotting import save_curves
from lookalike.training.recipes import HeadRecipe
from lookalike.training.run import RunFolder
from lookalike.training.scalar_events import ScalarEvents

Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]


def train_head(library: LibraryParts, request: TrainRequest, progress: Progress) -> TrainResult:
    """What `lookalike.library.train.train` does."""
    _require_one_process()
    recipe = request.recipe
    start = start_of(library, library.base_model(request.base))
    require_new_name(request.name, start.base.base)
    extractor = _extractor(library, start, request)
    run = _run_folder(library, request)
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
        trained = fit_head(context, extractor, start.base, start.known, labels, recipe, resume=request.resume)
        if trained.projection is None:
            return TrainResult(
                card=None, trained=trained, network=extractor.base, base=start.base.base, run=run, warnings=warnings
            )
        summary = f"{extractor.base} with a head learnt from {', '.join(recipe.shares)}"
        card = _card(request, extractor, start.base, trained)
        made = keep(context, extractor, trained, name=request.name, summary=summary, card=card)
    found = kept_card(made)
    _keep_report(found, run)
    return TrainResult(
        card=found, trained=trained, network=extractor.base, base=start.base.base, run=run, warnings=warnings
    )


def _require_one_process() -> None:
    """A head learns in one process; `torchrun` is for the loop of `lookalike.training.network.loop`.

    Raises:
        CallerError: `torchrun` started several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CallerError(
            "train: runs in one process and uses all cores with threads; start it without torchrun (LOOKALIKE_THREADS"
            " says how many). Loops of your own may run under torchrun, see docs/training.md"
        )


def _card(request: TrainRequest, extractor: FeatureExtractor, base: EncoderFeatures, trained: TrainedHead) -> CardMaker:
    recipe = request.recipe
    return card_of(
        request.name,
        base,
        trained.judged,
        method=_method(trained, recipe, extractor, base),
        labels=_labels(trained),
        images=ImageCounts(
            trained=trained.images["train"], validated=trained.images["validation"], tested=trained.images["test"]
        ),
        settings=_settings(recipe, trained) | _taught_by(request) | _begun_from(request) | _debiased(request),
        seconds=trained.seconds,
        notes=_notes(extractor, base),
    )


def _run_folder(library: LibraryParts, request: TrainRequest) -> Path:
    return request.run or library.settings.library / "training" / "runs" / request.name


def _extractor(library: LibraryParts, start: LearningStart, request: TrainRequest) -> FeatureExtractor:
    """What the head is over."""
    recipe = request.recipe
    backbone = request.backbone
    if backbone is None:
        described = min(len(start.known.image_ids), recipe.most_images)
        shares = recipe.shares_held_out
        images = int(described * (1 - shares.validation - shares.test))
        if takes_levels(start, request.features, images=images, dimension=recipe.dimension):
            return level_features(library, start, labelled=set(recipe.shares) != {"views"})
        if recipe.tune is None or start.base.base not in WITH_LEVELS:
            return start.base
        backbone = start.base.base
    require_features(request.features)
    return NamedBackbone.parse(backbone).opened(
        features=request.features,
        folder=start.folder / "backbones",
        models=library.settings.models,
        threads=library.settings.threads or None,
        seed=recipe.seed,
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
            propensities=_propensities(request.position_bias),
        ),
    )


def _propensities(file: Path | None) -> tuple[float, ...]:
    """By rank; none where no file was named.

    Raises:
        CallerError: it cannot be read, or a line is no probability.
    """
    if file is None:
        return ()
    try:
        lines = user_path(file).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CallerError(f"--position-bias {file}: cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(float(line))
        except ValueError:
            found.append(0.0)
        if not 0 < found[-1] <= 1:
            raise CallerError(f"--position-bias {file}: rank {number}: {line[:40]!r} must be above 0 and at most 1")
    if not found:
        raise CallerError(f"--position-bias {file}: is empty: write one number per line, one for each rank")
    return tuple(found)


def _labels(found: TrainedHead) -> list[LabelSource]:
    return [
        LabelSource(
            source=source,
            count=count,
            unit=unit,
            simulated="simulated" in unit and count > 0,
            note="",
        )
        for source, counts in found.sources.items()
        for unit, count in counts.items()
    ]


def _settings(recipe: HeadRecipe, found: TrainedHead) -> dict[str, object]:
    return {
        "on": ", ".join(f"{source}={share:g}" for source, share in recipe.shares.items()),
        "dimension": found.projection.dimension if found.projection else None,
        "steps": found.result.steps,
        "best step": found.result.best_step,
        "validation nDCG@10": found.result.best_value,
        "learning rate": recipe.learning_rate,
        "pull": recipe.pull,
        "batch": recipe.batch,
        **_tuned_by(recipe, found),
        "views": recipe.views,
        "most images": recipe.most_images,
        "held out": recipe.shares_held_out.test,
        "seed": recipe.seed,
    }


def _method(found: TrainedHead, recipe: HeadRecipe, frozen: FeatureExtractor, base: EncoderFeatures) -> str:
    over = "descriptors" if frozen is base else "levels" if frozen.encoder.name.endswith("-levels") else "features"
    head = f"linear head over its {over}" if frozen.base == base.base else f"linear head over {frozen.base}'s {over}"
    if found.tuned is None or recipe.tune is None:
        return head
    if not found.tuned.kept:
        return f"{head}; fine-tuning the network did not help and was undone"
    return f"{head}, then {f'its last {recipe.tune.blocks} blocks' if recipe.tune.blocks else 'all of it'} fine-tuned"


def _notes(frozen: FeatureExtractor, base: EncoderFeatures) -> list[str]:
    if frozen.base == base.base:
        return []
    licence = f"Licence of the weights it began with: {frozen.licence}."
    return [f"Its network is {frozen.base}; {base.base} is what it was compared with. {licence}"]


def _begun_from(request: TrainRequest) -> dict[str, object]:
    """Without the folders of this machine: a card goes where its model goes."""
    if request.backbone is None:
        return {}
    name, _, path = request.backbone.partition(":")
    return {"backbone": f"{name}:{Path(path).name}" if path else name}


def _tuned_by(recipe: HeadRecipe, found: TrainedHead) -> dict[str, object]:
    if found.tuned is None or recipe.tune is None:
        return {}
    return {
        "fine-tuned blocks": recipe.tune.blocks or "all",
        "fine-tuning steps": found.tuned.result.steps,
        "fine-tuning rate": recipe.tune.learning_rate,
        "validation nDCG@10 before fine-tuning": found.tuned.before,
        "validation nDCG@10 after fine-tuning": found.tuned.result.best_value,
    }


def _debiased(request: TrainRequest) -> dict[str, object]:
    return {"position bias": str(request.position_bias)} if request.position_bias else {}


def _taught_by(request: TrainRequest) -> dict[str, object]:
    return {"teacher": request.teacher} if "teacher" in request.recipe.shares else {}


def _keep_report(card: ModelCard, run: Path) -> None:
    """The card and the curves, in the run's folder."""
    replace_file(run / "REPORT.md", card.as_markdown().encode())
    replace_file(run / "report.json", (json.dumps(card.as_document(), indent=2) + "\n").encode())
    save_curves(RunFolder(run).lines(), run / "curves.svg")
