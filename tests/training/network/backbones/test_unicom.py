"""UNICOM gives what the definition of its authors gives, and its files are refused where they are of something else."""

import numpy as np
import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones import train_last_blocks
from lookalike.training.network.backbones.unicom import is_unicom, load_unicom
from training.network.tiny_checkpoints import SIZE, by_unicom, unicom_checkpoint


@pytest.fixture
def folder(tmp_path):
    unicom_checkpoint(tmp_path / "unicom")
    return tmp_path / "unicom"


def test_features_are_those_of_the_definition_with_several_heads(folder):
    network = load_unicom(folder).eval()
    assert (network.size, network.dimension) == (SIZE, 24)
    for block in network.blocks():
        block.attn.heads = 4
    weights = {name.replace("blocks_.", "blocks."): one.double().numpy() for name, one in network.state_dict().items()}
    batch = np.random.default_rng(0).normal(size=(2, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        found = network(torch.from_numpy(batch)).numpy()
    assert np.allclose(found, by_unicom(weights, batch, heads=4), atol=1e-3)


def test_the_last_block_and_what_follows_learn(folder):
    learning = train_last_blocks(load_unicom(folder), 1)
    assert {name.split(".")[0] for name in learning} == {"blocks_", "norm", "feature"}
    assert not any(name.startswith("blocks_.0.") for name in learning)


def test_weights_saved_from_several_processors_are_read(folder):
    file = folder / "FP16-ViT-tiny.pt"
    state = torch.load(file, weights_only=True)
    torch.save({f"module.{name}": value for name, value in state.items()}, file)
    assert load_unicom(folder).dimension == 24


def test_other_weights_and_damaged_files_are_refused(folder):
    file = folder / "FP16-ViT-tiny.pt"
    torch.save({"cls_token": torch.zeros(1, 1, 8)}, file)
    with pytest.raises(TrainingRefused, match="FP16-ViT-tiny.pt: not the weights of a UNICOM"):
        load_unicom(folder)
    file.write_bytes(b"cut")
    with pytest.raises(TrainingRefused, match="FP16-ViT-tiny.pt: not readable"):
        load_unicom(folder)
    (folder / "config.json").write_text("{}")
    assert not is_unicom(folder), "a folder with a configuration is a checkpoint of another kind"
