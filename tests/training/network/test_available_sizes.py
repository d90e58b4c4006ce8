"""What the descriptions of hub models say of their size is what their networks have."""

import pytest
import torch
import transformers

from lookalike.embedding import available_model, available_models
from lookalike.training.network.backbones.perception_encoder import EncoderShape, PerceptionEncoder

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6}
SO400M = {"hidden_size": 1152, "num_hidden_layers": 27, "num_attention_heads": 16, "intermediate_size": 4304}


def wide(shape):
    return shape | {"intermediate_size": 4 * shape["hidden_size"]}


TRANSFORMERS = {
    **{
        f"dinov2-{size}": ("Dinov2", shape | {"patch_size": 14, "image_size": 224, "use_mask_token": False})
        for size, shape in (("small", SMALL), ("base", BASE), ("large", LARGE))
    },
    **{
        f"dinov3-{size}": ("DINOv3ViT", wide(shape) | {"patch_size": 16, "num_register_tokens": 4})
        for size, shape in (("small", SMALL), ("base", BASE), ("large", LARGE))
    },
    "siglip2-base": ("SiglipVision", wide(BASE) | {"patch_size": 16, "image_size": 224}),
    "siglip2-base-384": ("SiglipVision", wide(BASE) | {"patch_size": 16, "image_size": 384}),
    "siglip2-large": ("SiglipVision", wide(LARGE) | {"patch_size": 16, "image_size": 256}),
    "siglip2-so400m": ("SiglipVision", SO400M | {"patch_size": 14, "image_size": 384}),
    "tipsv2-base": ("Tipsv2Vision", BASE | {"patch_size": 14, "image_size": 448}),
    "tipsv2-large": ("Tipsv2Vision", LARGE | {"patch_size": 14, "image_size": 448}),
    "mlcd-base": ("CLIPVision", wide(BASE) | {"patch_size": 32, "image_size": 224}),
    "mlcd-large": ("CLIPVision", wide(LARGE) | {"patch_size": 14, "image_size": 336}),
}
PERCEPTION = {
    "pe-core-base": EncoderShape(width=768, layers=12, heads=12, patch=16, size=224),
    "pe-core-large": EncoderShape(width=1024, layers=24, heads=16, patch=14, size=336),
}


def built(name):
    with torch.device("meta"):
        if name in PERCEPTION:
            return PerceptionEncoder(PERCEPTION[name])
        start, shape = TRANSFORMERS[name]
        return getattr(transformers, f"{start}Model")(getattr(transformers, f"{start}Config")(**shape))


@pytest.mark.parametrize("name", [model.name for model in available_models()])
def test_parameters_and_dimension_are_those_of_the_network(name):
    model, network = available_model(name), built(name)
    assert sum(weight.numel() for weight in network.parameters()) == model.parameters
    dimension = network.dimension if name in PERCEPTION else network.config.hidden_size
    assert dimension == model.dimension


@pytest.mark.parametrize("name", sorted({**TRANSFORMERS, **PERCEPTION}))
def test_pictures_are_of_the_size_the_network_takes(name):
    size = PERCEPTION[name].size if name in PERCEPTION else TRANSFORMERS[name][1].get("image_size", 224)
    assert available_model(name).preprocessing.size == size
