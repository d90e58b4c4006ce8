"""Conversion of a checkpoint, as model hubs hold them, to a model that serves without torch.

The image tower is loaded with `transformers` (PE-Core and UNICOM with networks of our own), written as ONNX, run by the
runtime that will serve it, and compared with torch on generated pictures; see `exporting`.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from lookalike.embedding import Golden, golden_pictures, stranger_pictures
from lookalike.embedding.descriptions import Fit, Interpolation
from lookalike.embedding.projection import to_vectors
from lookalike.errors import ModelRefused, TrainingRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.training.network.backbones.families import family_of, read_config
from lookalike.training.network.backbones.perception_encoder import (
    PerceptionEncoder,
    is_perception_encoder,
    load_perception_encoder,
)
from lookalike.training.network.backbones.unicom import Unicom, is_unicom, load_unicom
from lookalike.training.network.backbones.vision_transformer import VisionTransformer, load_transformer
from lookalike.training.network.exporting import Exported, ExportedAs, ParityLimits, descriptors_of, export_model
from lookalike.training.network.weight_only import WeightPrecision
from lookalike.training.repositories import CONFIG_FILE

PREPROCESSOR_FILE = "preprocessor_config.json"
_PILLOW_FILTERS: Mapping[int, Interpolation] = MappingProxyType({2: "bilinear", 3: "bicubic"})
_FLOAT32_LIMITS = ParityLimits(most_error=1e-4, least_cosine=0.99999, recall=0.98)
_Tower: TypeAlias = VisionTransformer | PerceptionEncoder | Unicom
_OF_UNICOM = Preprocessing(
    size=224, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
)  # fixed in the code of its authors
_LEAST_COSINES: Mapping[WeightPrecision, float] = MappingProxyType({"float32": 0.9999, "float16": 0.999, "int8": 0.98})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a converted model is to be called, and how pictures reach it.

    Attributes:
        name: of the model.
        summary: one line for people.
        licence: of the weights.
        preprocessing: None for what the checkpoint's `preprocessor_config.json` says.
        size: side of the pictures, pixels; None for that of `preprocessing`.
        weights: how they are stored.
        golden: vectors that the model must reproduce; None for none.
    """

    name: str
    summary: str
    licence: str
    preprocessing: Preprocessing | None = None
    size: int | None = None
    weights: WeightPrecision = "float32"
    golden: Golden | None = None


def convert_checkpoint(checkpoint: Path, conversion: Conversion, *, files: Path, models: Path) -> Exported:
    """Bring the image tower of a checkpoint into the models folder.

    Args:
        checkpoint: a folder with `config.json`, the weights, and perhaps `preprocessor_config.json`; or with UNICOM's
            one file.
        conversion: name, licence and the like.
        files: where NAME.onnx and NAME.toml stay, to be imported on other machines.
        models: the models folder.

    Raises:
        DependencyMissing: `transformers` is not installed.
        ModelRefused: a kind of checkpoint that is not known, a damaged one, preprocessing that cannot be followed, or
            a graph that does not compute what torch does.
        StorageFailed: the disk is full, read-only or failing.
    """
    try:
        preprocessing = conversion.preprocessing or preprocessing_of(checkpoint)
        opened = _opened(checkpoint)
        size = opened.size if isinstance(opened, Unicom) else preprocessing.size  # its file says nothing but that
        preprocessing = replace(preprocessing, size=conversion.size or size)
        network = _sized(opened, preprocessing.size).eval()
    except TrainingRefused as fault:
        raise ModelRefused(str(fault)) from None
    shown = np.stack([transform(pixels, preprocessing) for pixels in stranger_pictures()])
    exported = ExportedAs(
        name=conversion.name,
        summary=conversion.summary,
        licence=conversion.licence,
        preprocessing=preprocessing,
        weights=conversion.weights,
        golden=conversion.golden or _golden(network, preprocessing, _LEAST_COSINES[conversion.weights]),
    )
    limits = _FLOAT32_LIMITS if conversion.weights == "float32" else None
    return export_model(network, exported, shown, files=files, models=models, limits=limits)


def _opened(checkpoint: Path) -> _Tower:
    if is_unicom(checkpoint):
        return load_unicom(checkpoint)
    if checkpoint.is_dir() and is_perception_encoder(checkpoint):
        return load_perception_encoder(checkpoint)
    if not (checkpoint / CONFIG_FILE).is_file():
        raise ModelRefused(
            f"{checkpoint}: there is no {CONFIG_FILE} in it; name the folder of a checkpoint, with {CONFIG_FILE} and"
            " model.safetensors"
        )
    return load_transformer(family_of(checkpoint), checkpoint)


def _sized(network: _Tower, size: int) -> _Tower:
    """The network for pictures of a size.

    Raises:
        TrainingRefused: it does not take that size.
    """
    if isinstance(network, VisionTransformer):
        network.take_size(size)
    elif network.size != size:
        raise TrainingRefused(f"pictures of {size} pixels: this network takes {network.size} x {network.size} only")
    return network


def _golden(network: _Tower, preprocessing: Preprocessing, least_cosine: float) -> Golden:
    """What torch gives for the generated pictures."""
    pictures = golden_pictures()
    batch = np.stack([transform(pixels, preprocessing) for pixels in pictures])
    return Golden(
        pictures=pictures, vectors=to_vectors(descriptors_of(network, batch), None), least_cosine=least_cosine
    )


def preprocessing_of(checkpoint: Path) -> Preprocessing:
    """How pictures become a checkpoint's input, as its files say.

    What its authors do by "shorter side to 256, central 224" becomes the central square at 224: a search should see
    all of it.

    Args:
        checkpoint: a folder with `preprocessor_config.json`, or with timm's `config.json`; or with UNICOM's one file.

    Raises:
        ModelRefused: there is no such file, or it says what cannot be followed; the message names file and key.
    """
    file = checkpoint / PREPROCESSOR_FILE
    if file.is_file():
        return _read(file, _of_transformers)
    if (checkpoint / CONFIG_FILE).is_file() and "pretrained_cfg" in read_config(checkpoint):
        return _read(checkpoint / CONFIG_FILE, _of_timm)
    if is_unicom(checkpoint):
        return _OF_UNICOM
    raise ModelRefused(
        f"{checkpoint}: there is no {PREPROCESSOR_FILE}, which says how pictures are scaled; put it beside the weights"
    )


def _read(file: Path, read: Callable[[dict[str, Any]], Preprocessing]) -> Preprocessing:
    try:
        return read(json.loads(file.read_bytes()))
    except KeyError as missing:
        raise ModelRefused(f"{file}: {missing.args[0]}: is missing") from None
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise ModelRefused(f"{file}: not usable: {fault}") from None


def _of_transformers(config: dict[str, Any]) -> Preprocessing:
    """`preprocessor_config.json` of the package `transformers`."""
    size, fit = _size_and_fit(config)
    filter_number = config.get("resample", 2)
    if filter_number not in _PILLOW_FILTERS:
        raise ValueError(f"resample is {filter_number}; it must be 2 (bilinear) or 3 (bicubic)")
    normalised = config.get("do_normalize", True)
    return Preprocessing(
        size=size,
        fit=fit,
        interpolation=_PILLOW_FILTERS[filter_number],
        mean=_three(config["image_mean"]) if normalised else (0.0, 0.0, 0.0),
        std=_three(config["image_std"]) if normalised else (1.0, 1.0, 1.0),
    )


def _size_and_fit(config: dict[str, Any]) -> tuple[int, Fit]:
    if "max_num_patches" in config and "size" not in config:  # NaFlex: any shape of so many patches, here a square
        return int(config["patch_size"]) * math.isqrt(int(config["max_num_patches"])), "squash"
    crops = config.get("do_center_crop") or False
    wanted = config["crop_size"] if crops else config["size"]
    sides = wanted if isinstance(wanted, dict) else {"height": wanted, "width": wanted}
    if "shortest_edge" in sides:
        return int(sides["shortest_edge"]), "centre-crop"
    if sides["height"] != sides["width"]:
        raise ValueError(f"pictures are {sides['width']} x {sides['height']}; they must be square")
    return int(sides["height"]), "centre-crop" if crops else "squash"


def _of_timm(config: dict[str, Any]) -> Preprocessing:
    """The part of timm's `config.json` on preprocessing."""
    about = config["pretrained_cfg"]
    return Preprocessing(
        size=int(about["input_size"][-1]),
        fit="squash" if about.get("crop_mode") == "squash" else "centre-crop",
        interpolation=about.get("interpolation", "bicubic"),
        mean=_three(about["mean"]),
        std=_three(about["std"]),
    )


def _three(values: object) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)  # type: ignore[attr-defined]
    return red, green, blue
