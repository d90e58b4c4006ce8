"""Checkpoints of a few thousand weights as hubs hold them, one of each family that can be converted."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

from lookalike.training.network.backbones.perception_encoder import EncoderShape, PerceptionEncoder
from lookalike.training.network.backbones.unicom import Unicom, UnicomShape

SIZE = 32
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": SIZE, "patch_size": 8}
MLP = {"intermediate_size": 64}
REGISTERS = {"num_register_tokens": 4}
NAFLEX = {key: value for key, value in SHAPE.items() if key != "image_size"}


def pooled(given):
    return given.pooler_output


def class_token(given):
    return given.last_hidden_state[:, 0]


CHECKPOINTS: dict[str, tuple[str, str, dict[str, Any], Callable[[Any], Any]]] = {
    "vit": ("ViT", "Model", SHAPE | MLP, class_token),
    "dinov2": ("Dinov2", "Model", SHAPE, pooled),
    "dinov2-registers": ("Dinov2WithRegisters", "Model", SHAPE, pooled),
    "dinov3": ("DINOv3ViT", "Model", SHAPE | MLP | REGISTERS, pooled),
    "dinov3-gated": (
        "DINOv3ViT",
        "Model",
        SHAPE | MLP | REGISTERS | {"use_gated_mlp": True, "hidden_act": "silu"},
        pooled,
    ),
    "siglip": ("SiglipVision", "Model", SHAPE | MLP, pooled),
    "clip": (
        "CLIPVision",
        "ModelWithProjection",
        SHAPE | MLP | {"projection_dim": 16},
        lambda given: given.image_embeds,
    ),
    "clip-tower": ("CLIPVision", "Model", SHAPE | MLP, pooled),
    "mlcd": ("MLCDVision", "Model", SHAPE | MLP, pooled),
    "tipsv2": ("Tipsv2Vision", "Model", SHAPE, pooled),
}
"""Names in `transformers`, the shape, and which of its outputs is the descriptor."""


def checkpoint(name, folder, seed=0):
    """Saves one; returns a function from [b, 3, 32, 32] to what torch gives, [b, d]."""
    start, end, shape, described = CHECKPOINTS[name]
    torch.manual_seed(seed)
    network = getattr(transformers, start + end)(getattr(transformers, f"{start}Config")(**shape)).eval()
    enlarge(network)
    save(network, folder)

    def expected(batch):
        with torch.no_grad():
            return described(network(pixel_values=torch.from_numpy(batch))).numpy()

    return expected


def naflex_checkpoint(folder):
    """SigLIP 2 for pictures of any shape, of which square ones are used."""
    torch.manual_seed(0)
    config = transformers.Siglip2VisionConfig(**NAFLEX, **MLP, num_patches=16)
    network = transformers.Siglip2VisionModel(config).eval()
    enlarge(network)
    save(network, folder)

    def expected(batch):
        places = [(top, left) for top in range(0, SIZE, 8) for left in range(0, SIZE, 8)]
        rows = batch.transpose(0, 2, 3, 1)  # each patch row by row, with the channels last
        cells = np.stack([rows[:, top : top + 8, left : left + 8].reshape(len(batch), -1) for top, left in places], 1)
        with torch.no_grad():
            return network(
                pixel_values=torch.from_numpy(cells),
                pixel_attention_mask=torch.ones(len(cells), len(places), dtype=torch.int32),
                spatial_shapes=torch.tensor([[SIZE // 8, SIZE // 8]] * len(cells)),
            ).pooler_output.numpy()

    return expected


def perception_checkpoint(folder):
    """PE-Core in timm's form."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = PerceptionEncoder(EncoderShape(width=48, layers=2, heads=3, patch=8, size=SIZE, embedding=24)).eval()
    enlarge(network)
    folder.mkdir(parents=True)
    save_file(
        {name.replace("blocks_.", "blocks."): value for name, value in network.state_dict().items()},
        folder / "model.safetensors",
    )
    about = {"input_size": [3, SIZE, SIZE], "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"}
    config = {"architecture": f"vit_pe_core_tiny_patch8_{SIZE}", "pretrained_cfg": about}
    (folder / "config.json").write_text(json.dumps(config))

    def expected(batch):
        with torch.no_grad():
            return network(torch.from_numpy(batch)).numpy()

    return expected


def unicom_checkpoint(folder):
    """UNICOM as its authors publish it: one file of float16 weights."""
    torch.manual_seed(0)
    shape = UnicomShape(width=64, layers=2, heads=1, patch=8, size=SIZE, embedding=24)
    network = Unicom(shape)
    enlarge(network)
    with torch.no_grad():
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.normal_()
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2)
    state = {name.replace("blocks_.", "blocks."): value for name, value in network.state_dict().items()}
    state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    folder.mkdir(parents=True)
    torch.save(state, folder / "FP16-ViT-tiny.pt")
    return lambda batch: by_unicom({name: value.double().numpy() for name, value in state.items()}, batch, heads=1)


def by_unicom(weights, batch, *, heads):
    """[b, d]: what the authors' definition gives, in NumPy."""

    def normalised(rows, name):
        centred = rows - rows.mean(axis=-1, keepdims=True)
        unit = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-5)
        return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(rows, name):
        return rows @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def attended(rows, name):
        found = []
        parts = (np.split(part, heads, 1) for part in np.split(linear(rows, f"{name}.qkv"), 3, 1))
        for query, key, value in zip(*parts, strict=True):
            similar = np.exp(query @ key.T / np.sqrt(query.shape[1]))
            found.append(similar / similar.sum(axis=1, keepdims=True) @ value)
        return linear(np.hstack(found), f"{name}.proj")

    def batch_normalised(row, name):
        spread = np.sqrt(weights[f"{name}.running_var"] + 2e-5)
        return (row - weights[f"{name}.running_mean"]) / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    patch = weights["patch_embed.proj.weight"]
    side, layers = patch.shape[-1], 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    described = []
    for picture in batch.astype(np.float64):
        places = [(top, left) for top in range(0, SIZE, side) for left in range(0, SIZE, side)]
        cells = np.stack([picture[:, top : top + side, left : left + side].ravel() for top, left in places])
        rows = cells @ patch.reshape(len(patch), -1).T + weights["patch_embed.proj.bias"] + weights["pos_embed"][0]
        for name in (f"blocks.{number}" for number in range(layers)):
            rows = rows + attended(normalised(rows, f"{name}.norm1"), f"{name}.attn")
            inner = np.clip(linear(normalised(rows, f"{name}.norm2"), f"{name}.mlp.fc1"), 0, 6)
            rows = rows + linear(inner, f"{name}.mlp.fc2")
        row = batch_normalised(linear(normalised(rows, "norm").ravel(), "feature.0"), "feature.1")
        described.append(batch_normalised(linear(row, "feature.2"), "feature.3"))
    return np.stack(described)


def enlarge(network):
    """Weights larger than a random start's, so that pictures differ."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.mul_(4)


def save(network, folder):
    """As a hub's repository has it."""
    logging = transformers.utils.logging
    logging.disable_progress_bar()
    network.save_pretrained(folder)
    prepared = {
        "do_center_crop": True,
        "crop_size": {"height": SIZE, "width": SIZE},
        "size": {"shortest_edge": SIZE},
        "resample": 3,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
