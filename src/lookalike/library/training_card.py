"""The card of a trained model, and the report of its run. Needs torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lookalike.durable import replace_file
from lookalike.library.learning import card_of
from lookalike.library.train import TrainRequest
from lookalike.training.card import CardMaker, ImageCounts, LabelSource, ModelCard
from lookalike.training.extractors import EncoderFeatures, FeatureExtractor
from lookalike.training.network.fitting import TrainedHead
from lookalike.training.plotting import save_curves
from lookalike.training.recipes import HeadRecipe, PretrainLoss, PretrainRecipe, TuneRecipe
from lookalike.training.run import RunFolder

METHODS: Mapping[PretrainLoss, str] = MappingProxyType({"nt-xent": "SimCLR", "moco": "MoCo v2"})
"""What a network is trained by, as the papers call it."""


def training_card(
    request: TrainRequest,
    extractor: FeatureExtractor,
    base: EncoderFeatures,
    trained: TrainedHead,
    *,
    notes: Sequence[str] = (),
) -> CardMaker:
    """The card of a model that was trained, but for what is only known once it is written."""
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
        notes=[*_notes(extractor, base), *notes],
    )


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
    if isinstance(recipe.tune, PretrainRecipe):
        return _pretraining(recipe, recipe.tune, found)
    return {
        "on": ", ".join(f"{source}={share:g}" for source, share in recipe.shares.items()),
        "loss": recipe.loss or "each source's own",
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


def _pretraining(recipe: HeadRecipe, tune: PretrainRecipe, found: TrainedHead) -> dict[str, object]:
    moco = {"queue": tune.queue, "momentum": tune.momentum} if tune.loss == "moco" else {}
    return {
        "on": "views",
        "loss": tune.loss,
        "dimension": found.projection.dimension if found.projection else None,
        "steps": found.result.steps,
        "best step": found.result.best_step,
        "validation nDCG@10": found.result.best_value,
        "learning rate": tune.learning_rate,
        "temperature": tune.temperature,
        "batch": tune.batch,
        "weight decay": tune.weight_decay,
        **moco,
        "most images": recipe.most_images,
        "held out": recipe.shares_held_out.test,
        "seed": recipe.seed,
    }


def _method(found: TrainedHead, recipe: HeadRecipe, frozen: FeatureExtractor, base: EncoderFeatures) -> str:
    if isinstance(recipe.tune, PretrainRecipe):
        return f"{METHODS[recipe.tune.loss]} on views: the whole network, whose projection head was thrown away"
    over = "descriptors" if frozen is base else "levels" if frozen.encoder.name.endswith("-levels") else "features"
    head = f"linear head over its {over}" if frozen.base == base.base else f"linear head over {frozen.base}'s {over}"
    if found.tuned is None or not isinstance(recipe.tune, TuneRecipe):
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
    if found.tuned is None or not isinstance(recipe.tune, TuneRecipe):
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


def keep_report(card: ModelCard, run: Path) -> None:
    """The card and the curves, in the run's folder."""
    replace_file(run / "REPORT.md", card.as_markdown().encode())
    replace_file(run / "report.json", (json.dumps(card.as_document(), indent=2) + "\n").encode())
    save_curves(RunFolder(run).lines(), run / "curves.svg")
