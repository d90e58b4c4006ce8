"""A backbone of the registry as the base of training, for `--backbone NAME[:PATH]`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor, nn

from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import Blocked, MultiLevel
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite
from lookalike.training.network.backbones.registry import BACKBONES, build_backbone, fetch_weights
from lookalike.training.network.checkpoint import weights_digest
from lookalike.training.network.extractors import NetworkFeatures

_AT_RANDOM = "random"
_USUAL_DIMENSION = 256
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_SCALES = {"clip": _CLIP, "efficientnet": _HALF, "vit": _HALF}
"""How pixels are scaled, by the start of a backbone's name; as ImageNet's otherwise."""


class Whole(nn.Module):
    """A backbone's features as they are.

    Args:
        network: the backbone.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, d]."""
        features: Tensor = self.network(batch)
        return features

    def pooled(self, batch: Tensor) -> Tensor:
        """The same."""
        return self(batch)  # type: ignore[no-any-return]

    def centre_on(self, pooled: Tensor) -> None:
        """The whitening's mean is enough."""

    def weighted(self, pooled: Tensor) -> Tensor:
        """The same."""
        return pooled


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBackbone:
    """What `NAME`, `NAME:PATH` or `NAME:random` asks for.

    Attributes:
        name: in `BACKBONES`.
        weights: a file or folder of them; None for those that are published for it.
        at_random: whether it starts from nothing.
    """

    name: str
    weights: Path | None
    at_random: bool

    @classmethod
    def parse(cls, asked: str) -> Self:
        """Parse the value of --backbone.

        Raises:
            TrainingRefused: there is no such backbone, or no such file.
        """
        name, _, path = asked.partition(":")
        if name not in BACKBONES:
            raise TrainingRefused(f"--backbone {asked}: no backbone is called {name}; there are {', '.join(BACKBONES)}")
        at_random = path == _AT_RANDOM
        weights = Path(os.path.expanduser(path)) if path and not at_random else None  # noqa: PTH111 - raises nothing
        if weights is not None and not weights.exists():
            raise TrainingRefused(f"--backbone {asked}: there is no {weights}; give a file or folder of weights")
        return cls(name=name, weights=weights, at_random=at_random)

    def opened(self, *, folder: Path, seed: int = 0) -> "OpenedBackbone":
        """The network with its weights.

        Args:
            folder: where weights that are fetched are kept.
            seed: of a random start.

        Raises:
            TrainingRefused: the weights are not of that backbone, or it has none.
            FetchFailed: the weights could not be had.
        """
        folder.mkdir(parents=True, exist_ok=True)
        weights = self.weights
        if weights is None and not self.at_random:
            weights = fetch_weights(self.name, folder)
        network = build_backbone(self.name, weights=weights, seed=seed).eval()
        size = int(getattr(network, "size", 0)) or BACKBONES[self.name].size
        return OpenedBackbone(
            name=self.name,
            network=network,
            preprocessing=preprocessing_for(self.name, size, weights),
            licence=self._licence(),
            at_random=self.at_random,
        )

    def _licence(self) -> str:
        if self.at_random:
            return "none: random start"
        return BACKBONES[self.name].licence if self.weights is None else "as of the weights that were given"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedBackbone:
    """A backbone with its weights.

    Attributes:
        name: in `BACKBONES`.
        network: in evaluation mode.
        preprocessing: of its input.
        licence: of the weights it began with.
        at_random: whether they were random.
    """

    name: str
    network: Blocked
    preprocessing: Preprocessing
    licence: str
    at_random: bool

    def features(self, asked: str, *, folder: Path, models: Path, threads: int | None) -> NetworkFeatures:
        """The network as it is now, to train a head on.

        Args:
            asked: `levels`, `final`, or `auto` for levels where there are any.
            folder: where graphs are kept.
            models: the models folder.
            threads: for the encoder.

        Raises:
            TrainingRefused: it has no levels.
        """
        network = self.network
        if asked == "levels" and not isinstance(network, EfficientNetLite):
            raise TrainingRefused(f"--features levels: {self.name} has no levels; use its final features")
        with_levels = isinstance(network, EfficientNetLite) and asked != "final"
        described: nn.Module = MultiLevel(network) if with_levels else Whole(network)  # type: ignore[arg-type]
        found = NetworkFeatures(
            self.name,
            described.eval(),
            described_as=f"{self.name}-{weights_digest(network)}-{'levels' if with_levels else 'final'}",
            licence=self.licence,
            preprocessing=self.preprocessing,
            dimension=min(_USUAL_DIMENSION, int(described.dimension) if with_levels else network.dimension),  # type: ignore[arg-type]
            folder=folder,
            models=models,
            threads=threads,
        )
        found.at_random = self.at_random
        return found

    def pretrained(self, *, folder: Path, models: Path, threads: int | None) -> NetworkFeatures:
        """The network after it was trained on views: images are compared by its features as they are.

        Args:
            folder: where its graph is kept.
            models: the models folder.
            threads: for the encoder.
        """
        return NetworkFeatures(
            self.name,
            Whole(self.network).eval(),
            described_as=f"{self.name}-{weights_digest(self.network)}-final",
            licence=self.licence,
            preprocessing=self.preprocessing,
            dimension=self.network.dimension,
            folder=folder,
            models=models,
            threads=threads,
            whitens=False,
        )


def preprocessing_for(name: str, size: int, weights: Path | None) -> Preprocessing:
    """As the folder of weights says it, or as usual for that kind of backbone.

    Args:
        name: in `BACKBONES`.
        size: side of its pictures, pixels.
        weights: a file, or a folder that may hold `preprocessor_config.json`.

    Raises:
        TrainingRefused: that file says something else than a mean and a deviation for each channel.
    """
    mean, std = next((scale for start, scale in _SCALES.items() if name.startswith(start)), _IMAGENET)
    said = (weights if weights is None or weights.is_dir() else weights.parent) or Path()
    file = said / "preprocessor_config.json"
    if weights is not None and file.is_file():
        try:
            config = json.loads(file.read_bytes())
            mean, std = (_three(config.get(key, usual)) for key, usual in (("image_mean", mean), ("image_std", std)))
        except (OSError, ValueError, TypeError, AttributeError) as fault:
            raise TrainingRefused(f"{file}: not readable: {fault}") from None
    return Preprocessing(size=size, mean=mean, std=std)


def _three(values: object) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)  # type: ignore[attr-defined]
    return red, green, blue
