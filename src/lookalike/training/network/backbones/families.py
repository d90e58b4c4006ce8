"""The vision transformers that the package `transformers` has, and what of each is a picture's features.

Plain ViT, DINOv2 (Oquab et al. 2023), DINOv3 (Siméoni et al. 2025) and TIPSv2 (Cao et al. 2026): the class token after
the last layer normalisation. CLIP (Radford et al. 2021): `image_embeds`, the class token in the space that pictures
share with texts. SigLIP and SigLIP 2 (Zhai et al. 2023, Tschannen et al. 2025): the output of the attention pooling,
which is that space. MLCD (An et al. 2024), the successor of UNICOM: the class token after the last normalisation.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from lookalike.errors import TrainingRefused
from lookalike.training.repositories import CONFIG_FILE

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
"""Names of the file that holds a repository's weights; the second one names the files of several."""


def _ordinary_call(network: Any, batch: Tensor, **options: Any) -> Any:
    return network(pixel_values=batch, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of vision transformer.

    Attributes:
        kinds: `model_type` of configurations that hold one.
        config: name of its configuration in `transformers`.
        model: name of its class there.
        options: given to the class.
        fixed: values of the configuration that are always so.
        after: names of what follows the last layer.
        features: [b, d] of what the model gives.
        call: gives it a batch [b, 3, size, size] and perhaps options.
        interpolates: whether it takes other sizes of pictures only with `interpolate_pos_encoding`.
    """

    kinds: tuple[str, ...]
    config: str
    model: str
    after: tuple[str, ...]
    features: Callable[[Any], Tensor]
    options: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    call: Callable[..., Any] = _ordinary_call
    interpolates: bool = False


def _class_token(given: Any) -> Tensor:
    token: Tensor = given.last_hidden_state[:, 0]
    return token


def _image_embedding(given: Any) -> Tensor:
    embedding: Tensor = given.image_embeds
    return embedding


def _pooled(given: Any) -> Tensor:
    pooled: Tensor = given.pooler_output
    return pooled


def _call_with_patches(network: Any, batch: Tensor) -> Any:
    """SigLIP 2's "NaFlex" takes patches, [b, patches, side * side * 3], instead of pixels; here of a square picture."""
    side = int(network.config.patch_size)
    images, channels = batch.shape[:2]
    rows, columns = (int(length) // side for length in batch.shape[2:])
    cells = batch.reshape(images, channels, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1)
    shapes = batch.new_tensor([[rows, columns]]).long()
    return network(
        pixel_values=cells.reshape(images, rows * columns, side * side * channels),
        pixel_attention_mask=None,  # every patch counts
        spatial_shapes=shapes,
    )


PLAIN = Family(
    kinds=("vit",),
    config="ViTConfig",
    model="ViTModel",
    options={"add_pooling_layer": False},
    after=("layernorm",),
    features=_class_token,
    interpolates=True,
)
CLIP = Family(
    kinds=("clip", "clip_vision_model"),
    config="CLIPVisionConfig",
    model="CLIPVisionModelWithProjection",
    after=("vision_model.post_layernorm", "visual_projection"),
    features=_image_embedding,
    interpolates=True,
)
CLIP_TOWER = Family(
    kinds=("clip_vision_model",),
    config="CLIPVisionConfig",
    model="CLIPVisionModel",
    after=("post_layernorm",),
    features=_pooled,
    interpolates=True,
)
DINO_V2 = Family(
    kinds=("dinov2",),
    config="Dinov2Config",
    model="Dinov2Model",
    fixed={"use_mask_token": False},  # of its training alone
    after=("layernorm",),
    features=_class_token,
)
DINO_V2_REGISTERS = Family(
    kinds=("dinov2_with_registers",),
    config="Dinov2WithRegistersConfig",
    model="Dinov2WithRegistersModel",
    after=("layernorm",),
    features=_class_token,
)
DINO_V3 = Family(
    kinds=("dinov3_vit",),
    config="DINOv3ViTConfig",
    model="DINOv3ViTModel",
    after=("norm",),
    features=_class_token,
)
SIGLIP = Family(
    kinds=("siglip", "siglip_vision_model"),
    config="SiglipVisionConfig",
    model="SiglipVisionModel",
    after=("post_layernorm", "head"),
    features=_pooled,
    interpolates=True,
)
SIGLIP_NAFLEX = Family(
    kinds=("siglip2", "siglip2_vision_model"),
    config="Siglip2VisionConfig",
    model="Siglip2VisionModel",
    after=("post_layernorm", "head"),
    features=_pooled,
    call=_call_with_patches,
)
TIPS_V2 = Family(
    kinds=("tipsv2", "tipsv2_vision_model"),
    config="Tipsv2VisionConfig",
    model="Tipsv2VisionModel",
    after=("layernorm",),
    features=_class_token,
)
MLCD = Family(
    kinds=("mlcd", "mlcd_vision_model"),
    config="MLCDVisionConfig",
    model="MLCDVisionModel",
    after=("post_layernorm",),
    features=_pooled,
)
FAMILIES = (
    PLAIN, CLIP, CLIP_TOWER, DINO_V2, DINO_V2_REGISTERS, DINO_V3, SIGLIP, SIGLIP_NAFLEX, TIPS_V2, MLCD,
)  # fmt: skip


def family_of(folder: Path) -> Family:
    """The family of the network in a folder, as its `config.json` says.

    Raises:
        TrainingRefused: it is not readable, or of another kind; the message names those that there are.
    """
    config = read_config(folder)
    kind = config.get("model_type")
    if kind == "clip_vision_model" and config.get("architectures") == [CLIP_TOWER.model]:
        return CLIP_TOWER  # saved without the projection
    for family in FAMILIES:
        if kind in family.kinds:
            return family
    known = ", ".join(sorted({kind for family in FAMILIES for kind in family.kinds}))
    raise TrainingRefused(f"{folder / CONFIG_FILE}: model_type is {kind!r}; it must be one of {known}")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration in a folder of weights.

    Raises:
        TrainingRefused: it is missing or no JSON object; the message names the file.
    """
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError) as fault:
        raise TrainingRefused(f"{folder / CONFIG_FILE}: not readable: {fault}") from None
    if not isinstance(config, dict):
        raise TrainingRefused(f"{folder / CONFIG_FILE}: not readable: it must be a JSON object")
    return config
