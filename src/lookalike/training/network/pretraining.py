"""Training a whole network without labels, on two new views of each image: SimCLR and MoCo v2.

Both train the backbone under a projection head that is thrown away afterwards: the backbone's own features are what
images are compared by (Chen et al. 2020, section 4.2).
"""

import copy
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lookalike.errors import CallerError, TrainingRefused
from lookalike.neighbors import unit_rows
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Progress
from lookalike.training.held_out import ExactRanking, HeldOut
from lookalike.training.network.backbones import Blocked, Embedder, ProjectionHead, train_all
from lookalike.training.network.checkpoint import weights_digest
from lookalike.training.network.fine_tuning import FILE, Pictures, among
from lookalike.training.network.loop import LoopSettings, Training, TrainingResult
from lookalike.training.network.losses import KeyQueue, follow, moco, nt_xent, same_group
from lookalike.training.network.view_batches import ViewBatch, ViewBatches
from lookalike.training.recipes import PretrainLoss, PretrainRecipe
from lookalike.training.run import RunFolder
from lookalike.training.views import MOCO_VIEWS, SIMCLR_VIEWS, ViewSettings
from lookalike.types import Pixels

_FEWEST = 8
_AT_ONCE = 16
_VALIDATIONS = 5
_RATE_BATCH = 128
_RATE = 0.06
_BATCH_MOMENTUM = 0.1
_KEY_PARTS = 4
_KEPT_BYTES = 2**29


class Contrast(Protocol):
    """A backbone under a projection head, with all that its loss keeps up: what the loop trains and checkpoints.

    Attributes:
        embedder: the backbone and its head.
    """

    embedder: Embedder

    def loss(self, batch: ViewBatch) -> Tensor:
        """A scalar."""
        ...

    def after_step(self) -> None:
        """What follows the weights."""
        ...


class SimClr(nn.Module):
    """Each view finds the other view of its image among all views of the batch.

    Args:
        backbone: [b, 3, size, size] to [b, dimension].
        recipe: the hyperparameters.
        images: how many are trained on.
    """

    def __init__(self, backbone: Blocked, recipe: PretrainRecipe, *, images: int) -> None:  # noqa: ARG002 - as MoCo
        super().__init__()
        self.embedder = _embedder(backbone, recipe)
        self._temperature = recipe.temperature or 0.1

    def loss(self, batch: ViewBatch) -> Tensor:
        """A scalar. Near-duplicates of an image are not its negatives."""
        first, second = self.embedder(torch.cat([batch.first, batch.second])).chunk(2)
        groups = same_group(batch.groups, batch.groups)
        return nt_xent(first, second, temperature=self._temperature, never_negative=groups)

    def after_step(self) -> None:
        """Nothing."""


class MoCo(nn.Module):
    """Each view finds the key of its image among keys of earlier batches, by an encoder that follows slowly.

    Args:
        backbone: [b, 3, size, size] to [b, dimension].
        recipe: the hyperparameters.
        images: how many are trained on.
    """

    def __init__(self, backbone: Blocked, recipe: PretrainRecipe, *, images: int) -> None:
        super().__init__()
        self.embedder = _embedder(backbone, recipe)
        self.key_encoder = copy.deepcopy(self.embedder).requires_grad_(requires_grad=False)
        self.queue = KeyQueue(min(recipe.queue, images), recipe.outputs)
        self._temperature, self._momentum = recipe.temperature or 0.2, recipe.momentum

    def loss(self, batch: ViewBatch) -> Tensor:
        """A scalar; puts the keys into the queue. Near-duplicates of an image are not its negatives."""
        keys = self._keys(batch.second)
        loss = moco(self.embedder(batch.first), keys, self.queue, temperature=self._temperature, groups=batch.groups)
        self.queue.push(keys, batch.groups)
        return loss

    @torch.no_grad()
    def _keys(self, views: Tensor) -> Tensor:
        """Keys of the views, [b, outputs], computed in shuffled parts.

        Batch normalisation then sees other images beside a key than beside its query, so that its statistics do not
        give away which belong together (He et al. 2020, section 3.3, "Shuffling BN").
        """
        order = torch.randperm(len(views))
        parts = order.tensor_split(max(min(_KEY_PARTS, len(views) // 2), 1))
        keys = torch.cat([self.key_encoder(views[part]) for part in parts])
        return keys[order.argsort()]

    def after_step(self) -> None:
        """The key encoder follows the encoder."""
        follow(self.key_encoder, self.embedder, momentum=self._momentum)


_METHODS: Mapping[PretrainLoss, tuple[type[SimClr | MoCo], ViewSettings]] = {
    "nt-xent": (SimClr, SIMCLR_VIEWS),
    "moco": (MoCo, MOCO_VIEWS),
}


def _embedder(backbone: Blocked, recipe: PretrainRecipe) -> Embedder:
    """With the papers' head: one hidden layer as wide as the features."""
    return Embedder(backbone, ProjectionHead(backbone.dimension, recipe.outputs, hidden=backbone.dimension))


class ReadPixels:
    """Pixels of images, read again for each batch but for as many as fit into half a gigabyte.

    Args:
        read: upright RGB pixels of an image.
    """

    def __init__(self, read: Callable[[str], Pixels]) -> None:
        self._read = read
        self._kept: dict[str, Pixels] = {}
        self._bytes = 0

    def __call__(self, image_id: str) -> Pixels:
        """[height, width, 3] uint8."""
        kept = self._kept.get(image_id)
        if kept is not None:
            return kept
        pixels = self._read(image_id)
        if self._bytes + pixels.nbytes <= _KEPT_BYTES:
            self._kept[image_id] = pixels
            self._bytes += pixels.nbytes
        return pixels

    def readable(self, image_ids: Sequence[str], progress: Progress) -> list[str]:
        """The images that can be read. Why the others cannot is told when images are described."""
        progress.stage("Reading images", len(image_ids))
        readable = []
        for image_id in image_ids:
            with suppress(CallerError):
                self(image_id)
                readable.append(image_id)
            progress.advance(1)
        return readable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainingImages:
    """The images that a network is trained on.

    Attributes:
        image_ids: that can be read.
        read: upright RGB pixels of an image; may be called from several threads at once.
        groups: image id -> name of its near-duplicate group.
        preprocessing: of the network's input.
    """

    image_ids: Sequence[str]
    read: Callable[[str], Pixels]
    groups: Mapping[str, str]
    preprocessing: Preprocessing


class NetworkValidation:
    """Mean nDCG@10 of held-out queries by a network's own features.

    Args:
        queries: that validate.
        gallery: image ids that are searched; some of them where they are many.
        prepare: [3, size, size] float32 of an image or a part of one.
        preprocessing: by which those were scaled.
        folder: where pictures are kept while the run goes on.
    """

    def __init__(
        self,
        queries: Sequence[HeldOut],
        gallery: Collection[str],
        prepare: Callable[[str], NDArray[np.float32]],
        preprocessing: Preprocessing,
        *,
        folder: Path,
    ) -> None:
        self._queries, needed = among(queries, sorted(gallery))
        self._names = sorted(needed)
        self._file = folder / FILE
        self._pictures = Pictures(self._names, prepare, preprocessing, self._file)
        self._ranking = ExactRanking(self._names, gallery)

    def __call__(self, network: nn.Module) -> float:
        """By a network in evaluation mode: [b, 3, size, size] to [b, d]."""
        rows = np.arange(len(self._names))
        parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        with torch.no_grad():
            vectors = unit_rows(torch.cat([network(self._pictures.batch(part)) for part in parts]).numpy())
        return float(np.mean([self._ranking.value(vectors, held) for held in self._queries]))

    @property
    def has_queries(self) -> bool:
        """Whether anything validates."""
        return bool(self._queries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the pictures."""
        self._file.unlink(missing_ok=True)


def pretrain(
    backbone: Blocked,
    recipe: PretrainRecipe,
    images: PretrainingImages,
    *,
    validation: NetworkValidation,
    folder: RunFolder,
    progress: Progress,
    seed: int,
    resume: bool,
) -> TrainingResult:
    """Train all of a network by SimCLR or MoCo; it has the weights of the best of five validations afterwards.

    Args:
        backbone: trained in place.
        recipe: the hyperparameters.
        images: to learn from.
        validation: says which weights are best; without queries, the last ones are.
        folder: of the run.
        progress: is told how far it is.
        seed: of the projection head, the order and the views.
        resume: go on with the run in its folder.

    Raises:
        TrainingRefused: fewer than 8 images, or the folder holds another run.
        TrainingDiverged, MemoryExhausted, StorageFailed: see `loop.Training`.
    """
    count = len(images.image_ids)
    if count < _FEWEST:
        raise TrainingRefused(f"{count} images are too few to train a network on: index at least {_FEWEST}")
    description = _description(backbone, recipe, images, seed)
    model, views = _model(backbone, recipe, count, seed)
    batch = min(recipe.batch, count)

    def after_step(_: nn.Module) -> None:
        model.after_step()
        progress.advance(1)

    progress.stage("Learning", recipe.steps)
    with _batches(images, views, batch, seed) as batches:
        training = Training(
            model=model,
            batch_at=batches.batch_at,
            loss_of=lambda contrast, batch: cast("Contrast", contrast).loss(batch),
            settings=_loop(recipe, batch, seed),
            folder=folder,
            validate=_validate(validation) if validation.has_queries else None,
            after_step=after_step,
            describe=description,
        )
        result = training.run(resume=resume)
    backbone.eval()
    return result


def _model(backbone: Blocked, recipe: PretrainRecipe, images: int, seed: int) -> tuple[SimClr | MoCo, ViewSettings]:
    """The backbone, all of which learns, under a new projection head; and how its views differ."""
    method, views = _METHODS[recipe.loss]
    train_all(backbone)
    _follow_batches(backbone)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return method(backbone, recipe, images=images), views


def _batches(images: PretrainingImages, views: ViewSettings, batch: int, seed: int) -> ViewBatches:
    return ViewBatches(
        images.image_ids,
        images.read,
        views=views.sized(images.preprocessing.size),
        preprocessing=images.preprocessing,
        groups=images.groups,
        batch=batch,
        seed=seed,
    )


def _follow_batches(network: nn.Module) -> None:
    """Let batch normalisation forget as fast as in the papers: some networks take thousands of steps to follow."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = max(part.momentum or _BATCH_MOMENTUM, _BATCH_MOMENTUM)


def _validate(validation: NetworkValidation) -> Callable[[nn.Module], float]:
    return lambda contrast: validation(cast("Contrast", contrast).embedder.backbone)


def _loop(recipe: PretrainRecipe, batch: int, seed: int) -> LoopSettings:
    return LoopSettings(
        steps=recipe.steps,
        optimiser="sgd",
        learning_rate=recipe.learning_rate or _RATE * batch / _RATE_BATCH,
        weight_decay=recipe.weight_decay,
        warm_up=max(recipe.steps // 20, 1),
        accumulate=recipe.accumulate,
        precision=recipe.precision,
        validate_every=max(recipe.steps // _VALIDATIONS, 1),
        checkpoint_minutes=0.5,
        seed=seed,
    )


def _description(backbone: Blocked, recipe: PretrainRecipe, images: PretrainingImages, seed: int) -> dict[str, object]:
    """What a run may only go on with: the start, the settings and the images."""
    digest = hashlib.sha256("\n".join(images.image_ids).encode()).hexdigest()
    return {"recipe": asdict(recipe) | {"seed": seed}, "base": weights_digest(backbone), "images": digest}
