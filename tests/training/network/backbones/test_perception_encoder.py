"""PE-Core gives what timm's gives, on weights and pictures that timm was given."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones import train_last_blocks
from lookalike.training.network.backbones.perception_encoder import is_perception_encoder, load_perception_encoder

RECORDED = Path(__file__).parent / "perception_by_timm.npz"
"""A `vit_pe_core_base_patch16_224` of timm 1.0.31 with 2 layers of width 32, for pictures of 64 pixels: its random
weights, three pictures and the features it gave them."""
CONFIG = {"architecture": "vit_pe_core_base_patch16_64", "model_args": {"num_heads": 2}}


@pytest.fixture
def recorded():
    with np.load(RECORDED) as arrays:
        return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays}


@pytest.fixture
def folder(recorded, tmp_path):
    weights = {name: value.half() for name, value in recorded.items() if name not in {"batch", "features"}}
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def test_features_are_those_of_timm(folder, recorded):
    assert is_perception_encoder(folder)
    network = load_perception_encoder(folder).eval()
    assert (network.size, network.dimension) == (64, 24)
    with torch.no_grad():
        found = network(recorded["batch"])
    assert torch.allclose(found, recorded["features"], atol=1e-4)


def test_the_last_block_and_what_follows_learn(folder):
    network = load_perception_encoder(folder)
    learning = train_last_blocks(network, 1)
    assert {name.split(".")[0] for name in learning} == {"blocks_", "norm", "attn_pool", "head"}
    assert not any(name.startswith("blocks_.0.") for name in learning)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "vit_pe_core_base_patch16_128"}, "not the weights of vit_pe_core_base_patch16_128"),
        ({"architecture": "vit_pe_lang_large_patch14_448"}, "tiny, small, base and large are known"),
    ],
)
def test_another_architecture_is_refused(change, says, folder):
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(TrainingRefused, match=says):
        load_perception_encoder(folder)


def test_missing_and_damaged_weights_are_refused(folder, recorded):
    weights = {"cls_token": recorded["cls_token"], "head.weight": recorded["head.weight"]}
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(TrainingRefused, match="not the weights of"):
        load_perception_encoder(folder)
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(TrainingRefused, match="model.safetensors: not readable"):
        load_perception_encoder(folder)
    (folder / "config.json").write_text("{}")
    assert not is_perception_encoder(folder)
