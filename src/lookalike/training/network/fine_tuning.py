"""Fine-tuning of the network after its head: its last blocks, or all of it, on the same sources.

The head comes first, so that the network does not bend to one that knows nothing yet: Kumar et al. 2022, "Fine-tuning
can distort pretrained features and underperform out-of-distribution".
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lookalike.embedding.runtimes import Descriptors
from lookalike.errors import StorageFailed, TrainingRefused
from lookalike.evaluation import Judgements
from lookalike.neighbors import unit_rows
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Progress
from lookalike.training.chance import chance_for
from lookalike.training.features import Described, describe_images
from lookalike.training.held_out import ExactRanking, HeldOut
from lookalike.training.network.backbones import MultiLevel
from lookalike.training.network.backbones.cut import EarlyLevels, LateLevels
from lookalike.training.network.backbones.freezing import train_all, train_last_blocks
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.head import LinearHead
from lookalike.training.network.loop import LoopSettings, Stopped, Training, TrainingResult
from lookalike.training.network.sources import MixedSources, Source
from lookalike.training.recipes import TuneRecipe
from lookalike.training.run import RunFolder

_AT_ONCE = 16
_VALIDATED_AMONG = 1_500
_VALIDATIONS = 5
_PATIENCE = 3
FILE = "fine-tuning.u8"
_BYTES_OF_A_NUMBER = 4


class Shown(Protocol):
    """What the part that learns takes, by row."""

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """[n, ...] float32."""
        ...


class Pictures:
    """Pictures by row, each prepared once and kept in a file of bytes.

    Args:
        names: of the rows.
        prepare: [3, size, size] float32 of a name.
        preprocessing: by which those were scaled.
        file: where they are kept; 3 size^2 bytes a row, of which a file system keeps those that were written.

    Raises:
        StorageFailed: the file cannot be made.
    """

    def __init__(
        self,
        names: Sequence[str],
        prepare: Callable[[str], NDArray[np.float32]],
        preprocessing: Preprocessing,
        file: Path,
    ) -> None:
        self._names, self._prepare = names, prepare
        size = preprocessing.size
        self._mean, self._std = (
            np.array(values, np.float32)[:, None, None] for values in (preprocessing.mean, preprocessing.std)
        )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._bytes = np.memmap(file, np.uint8, "w+", shape=(len(names), 3, size, size))
        except OSError as fault:
            raise StorageFailed(f"{file}: {fault.strerror or fault}") from fault
        self._kept = np.zeros(len(names), bool)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """[n, 3, size, size] float32, normalised."""
        for row in rows[~self._kept[rows]].tolist():
            levels = (self._prepare(self._names[row]) * self._std + self._mean) * 255
            self._bytes[row] = np.clip(np.rint(levels), 0, 255)
            self._kept[row] = True
        found = ((self._bytes[rows].astype(np.float32) / 255 - self._mean) / self._std).astype(np.float32)
        # depthwise convolutions of torch are three times as fast in this order on a CPU
        return torch.from_numpy(found).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """What the frozen blocks made of each picture, described once and kept with the library's descriptors.

    Args:
        described: rows of `EarlyLevels`.
    """

    described: Described

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """[n, m] float32."""
        return torch.from_numpy(np.array(self.described.descriptors[self.described.rows[rows]]))


class TunedNetwork(nn.Module):
    """A network with its head, whose inputs are row numbers; so all that draws features draws pictures.

    Batch normalisation keeps the statistics it came with, for batches here are small; of a random start it has none.

    Args:
        network: from what is shown to descriptors.
        head: over its descriptors less `mean`.
        mean: [d] float32.
        shown: what it takes, by row.
        frugal: whether to compute a batch in parts, and again for its gradients, so that a few pictures at a time are
            in memory (Chen et al. 2016, "Training deep nets with sublinear memory cost"); a third slower.
        follows: whether batch normalisation follows the batches.
    """

    mean: Tensor

    def __init__(
        self,
        network: nn.Module,
        head: LinearHead,
        mean: NDArray[np.float32],
        shown: Shown,
        *,
        frugal: bool = False,
        follows: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.head = network, head
        self.register_buffer("mean", torch.from_numpy(np.array(mean)))
        self._shown, self._frugal, self._follows = shown, frugal, follows
        self._start: list[Tensor] = []

    def forward(self, rows: Tensor) -> Tensor:
        """[n, 1] float32 row numbers to [n, k]; [m, n, 1] to [m, n, k]."""
        numbers = rows[..., 0].long().reshape(-1).numpy()
        vectors: Tensor = self.head(self._described(numbers) - self.mean)
        return vectors.reshape(*rows.shape[:-1], vectors.shape[-1])

    def _described(self, numbers: NDArray[np.int64]) -> Tensor:
        given = self._shown.batch(numbers)
        if not (self._frugal and torch.is_grad_enabled()):
            described: Tensor = self.network(given)
            return described
        parts = [
            torch.utils.checkpoint.checkpoint(self.network, part, use_reentrant=False)
            for part in torch.split(given, _AT_ONCE)
        ]
        return torch.cat(parts)

    def features(self, rows: Sequence[int], progress: Progress | None = None) -> Descriptors:
        """The head's inputs, [n, d] float32."""
        found = []
        numbers = np.array(rows, np.int64)
        self.eval()
        with torch.no_grad():
            for start in range(0, len(numbers), _AT_ONCE):
                part = numbers[start : start + _AT_ONCE]
                found.append((self._described(part) - self.mean).numpy())
                if progress is not None:
                    progress.advance(len(part))
        joined: Descriptors = np.concatenate(found)
        return joined

    def remember_start(self) -> None:
        """Let `drift` be measured from the weights as they are."""
        self._start = [weight.detach().clone() for weight in self._learning()]

    def drift(self) -> Tensor:
        """What moving away from the start costs, of the head and, alike, of the network.

        Li et al. 2018, "Explicit inductive bias for transfer learning with convolutional networks" (L2-SP).
        """
        if not self.head.pull:
            return torch.zeros(())
        moved = sum(
            ((one - start).square().sum() for one, start in zip(self._learning(), self._start, strict=True)),
            torch.zeros(()),
        )
        length = sum((start.square().sum() for start in self._start), torch.zeros(()))
        return self.head.drift() + self.head.pull * moved / length

    def _learning(self) -> list[Tensor]:
        return [weight for weight in self.network.parameters() if weight.requires_grad]

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as torch has it
        """As torch has it, but for batch normalisation."""
        super().train(mode)
        if not self._follows:
            for part in self.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self


def as_rows(count: int) -> NDArray[np.float32]:
    """Features that are row numbers, [count, 1] float32, exact up to 16 million."""
    return np.arange(count, dtype=np.float32)[:, None]


def tuned_network(
    frozen: NetworkFeatures,
    head: LinearHead,
    mean: NDArray[np.float32],
    recipe: TuneRecipe,
    *,
    names: Sequence[str],
    prepare: Callable[[str], NDArray[np.float32]],
    descriptors: Path,
    folder: Path,
    progress: Progress,
) -> TunedNetwork:
    """The network ready to learn: what stays frozen is run once where its activations are no larger than pictures.

    Args:
        frozen: the network.
        head: trained over its descriptors less `mean`.
        mean: [d] float32.
        recipe: how many blocks learn.
        names: of the rows.
        prepare: [3, size, size] float32 of a name.
        descriptors: folder of all descriptors.
        folder: of the run.
        progress: is told how far it is.

    Raises:
        TrainingRefused: the network has not that many blocks.
    """
    network: nn.Module = frozen.network
    freeze(network, recipe)
    size = frozen.preprocessing.size
    shown: Shown
    early = _early(network, recipe.blocks, size)
    frugal = early is None
    if early is not None:
        progress.stage("Running the frozen blocks", len(names))
        encoder = frozen.opened(f"{frozen.encoder.name}-first-{early.first}", early)
        described = describe_images(
            names, encoder, lambda name: prepare(name)[None], folder=descriptors, progress=progress.advance
        )
        if described.image_ids != tuple(names):
            raise TrainingRefused(f"{len(described.refused)} images cannot be read any more: train again")
        shown, network = Activations(described), LateLevels(frozen.network, early)
    else:
        shown = Pictures(names, prepare, frozen.preprocessing, folder / FILE)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TunedNetwork(network, head, mean, shown, frugal=frugal, follows=frozen.at_random)


def freeze(network: nn.Module, recipe: TuneRecipe) -> None:
    """Unfreeze the blocks that the recipe names, and freeze the others.

    Raises:
        TrainingRefused: the network has not that many.
    """
    if recipe.blocks is None:
        train_all(network)
    else:
        train_last_blocks(network, recipe.blocks)


def _early(network: nn.Module, blocks: int | None, size: int) -> EarlyLevels | None:
    """The frozen part, where its activations are worth keeping: they take no more than pictures of bytes do."""
    if blocks is None or not isinstance(network, MultiLevel):
        return None
    first = len(network.network.blocks()) - blocks
    early = EarlyLevels(network, first, size=size).eval()
    return early if early.dimension * _BYTES_OF_A_NUMBER <= 3 * size * size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The result of fine-tuning.

    Attributes:
        result: of the loop.
        before: what validation said of the head alone; None without validation.
        kept: whether the network is better for it; otherwise it is what it was. See `beyond_chance`.
    """

    result: TrainingResult
    before: float | None
    kept: bool


class FineTuning:
    """One run of it, in a folder of its own within the head's.

    Args:
        model: starts from the trained head; changed in place.
        recipe: how.
        sources: over row numbers.
        names: of the rows.
        validation: judged queries.
        gallery: image ids that are searched; some of them where they are many.
        folder: of this run.
        progress: is told how far it is.
    """

    def __init__(
        self,
        model: TunedNetwork,
        recipe: TuneRecipe,
        *,
        sources: Sequence[Source],
        names: Sequence[str],
        validation: Sequence[HeldOut],
        gallery: Sequence[str],
        folder: RunFolder,
        progress: Progress,
    ) -> None:
        self._model, self._recipe, self._sources = model, recipe, MixedSources(sources)
        self._folder, self._progress = folder, progress
        freeze(model.network, recipe)
        model.remember_start()
        self._validation, needed = among(validation, gallery)
        self._looked_at = [row for row, name in enumerate(names) if name in needed]
        self._ranking = ExactRanking([names[row] for row in self._looked_at], gallery)

    def run(self, description: Mapping[str, object], *, seed: int, resume: bool) -> Tuned:
        """Fine-tune, and undo it unless validation is clearly better than with the head alone.

        Raises:
            TrainingRefused, TrainingDiverged, MemoryExhausted, StorageFailed: see `loop.Training`.
        """
        recipe = self._recipe
        start = copy.deepcopy(self._model.state_dict())
        before = self._by_query(self._model)
        self._progress.stage("Fine-tuning", recipe.steps)
        training = Training(
            model=self._model,
            batch_at=self._sources.batch_at,
            loss_of=lambda model, batches: self._sources.loss_of(model, batches) + self._model.drift(),
            settings=LoopSettings(
                steps=recipe.steps,
                learning_rate=recipe.learning_rate,
                weight_decay=0.0,
                warm_up=max(recipe.steps // 10, 1),
                clip_norm=1.0,
                validate_every=max(recipe.steps // _VALIDATIONS, 1),
                patience=_PATIENCE,
                checkpoint_minutes=0.5,
                seed=seed,
            ),
            folder=self._folder,
            validate=self._validate if self._validation else None,
            after_step=lambda _: self._progress.advance(1),
            describe=description,
        )
        result = training.run(resume=resume)
        said = float(np.mean([values.mean() for values in before])) if before else None
        if result.stopped is Stopped.INTERRUPTED:
            return Tuned(result=result, before=said, kept=False)
        kept = not before or beyond_chance(np.concatenate(before), np.concatenate(self._by_query(self._model)))
        if not kept:
            self._model.load_state_dict(start)
        self._model.eval()
        return Tuned(result=result, before=said, kept=kept)

    def _validate(self, model: nn.Module) -> float:
        return float(np.mean([values.mean() for values in self._by_query(model)]))

    def _by_query(self, model: nn.Module) -> list[NDArray[np.float64]]:
        """nDCG@10 of each query, [queries] of each kind of validation."""
        tuned: TunedNetwork = model  # type: ignore[assignment]
        if not self._validation:
            return []
        features = tuned.features(self._looked_at)
        vectors = unit_rows(features @ tuned.head.weight.detach().numpy())
        return [self._ranking.values(vectors, held) for held in self._validation]


def beyond_chance(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Whether queries gained by more than a standard error of their gains: the best of several validations is lucky.

    Args:
        before: [queries], of the head alone.
        after: [queries], of the same.
    """
    gains = after - before
    error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else np.inf
    return bool(gains.mean() > error)


def among(
    validation: Sequence[HeldOut], gallery: Sequence[str], *, most: int = _VALIDATED_AMONG
) -> tuple[list[HeldOut], set[str]]:
    """Queries that are looked at among some images alone, since a network that changes has to see all of them again.

    Args:
        validation: judged queries.
        gallery: image ids that are searched.
        most: of them that are drawn; what was judged for condensed queries comes besides.

    Returns:
        The queries with the grades of images that are among them, and names of all that has to be described. Queries
        that keep no grade above 0 are left out.
    """
    drawn = chance_for("validated among", 0, 0).permutation(len(gallery))[:most]
    chosen = {gallery[place] for place in drawn.tolist()}
    for held in validation:
        if held.condensed:
            chosen |= {image for grades in held.judgements.grades.values() for image in grades}
    found = []
    for held in validation:
        grades = {
            query: {image: grade for image, grade in judged.items() if image in chosen}
            for query, judged in held.judgements.grades.items()
        }
        kept = {query: judged for query, judged in grades.items() if any(judged.values())}
        if kept:
            judgements = Judgements(grades=kept)
            found.append(
                HeldOut(name=held.name, judgements=judgements, measures=held.measures, condensed=held.condensed)
            )
    return found, chosen | {query for held in found for query in held.judgements.grades}
