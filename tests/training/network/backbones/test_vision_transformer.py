"""Vision transformers: from a folder, from a hub or at random; trained in part; served without torch."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch

from lookalike.embedding import open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.errors import DependencyMissing, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import (
    BACKBONES,
    Embedder,
    ProjectionHead,
    VisionTransformer,
    build_backbone,
    fetch_weights,
    train_last_blocks,
)
from lookalike.training.network.backbones.vision_transformer import (
    Shape,
    load_transformer,
    random_transformer,
)
from lookalike.training.network.checkpoint import save_checkpoint
from lookalike.training.network.exporting import ExportedAs, export_model
from training.network.backbones.tiny_transformers import (
    FAMILIES,
    features,
    pictures,
    saved,
    tiny,
    transformers,
)

PARAMETERS = {  # published, without classifier, pooler and mask token; DINOv2's with positions for 224 pixels
    "vit-tiny": 5_524_416,
    "vit-small": 21_665_664,
    "vit-base": 85_798_656,
    "clip-vit-b16": 86_192_640,
    "clip-vit-b32": 87_849_216,
    "dinov2-small": 21_628_800,
    "dinov2-base": 85_724_928,
}
everywhere = pytest.mark.parametrize("name", sorted(FAMILIES))


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_sizes_are_the_published_ones(name):
    with torch.device("meta"):
        network = BACKBONES[name].build()
    assert sum(weight.numel() for weight in network.parameters()) == PARAMETERS[name]
    assert isinstance(network, VisionTransformer)
    assert (network.dimension, network.size) == (BACKBONES[name].dimension, BACKBONES[name].size)
    assert len(network.blocks()) == 12


@everywhere
def test_pictures_become_features_and_every_weight_learns(name):
    network = tiny(name)
    found = network(torch.from_numpy(pictures()))
    assert found.shape == (6, network.dimension)
    assert network.size == 32
    found.square().sum().backward()
    assert [entry for entry, weight in network.named_parameters() if weight.grad is None] == []


@everywhere
def test_features_are_the_ones_the_docstring_says(name):
    network = tiny(name).eval()
    given = network.network(pixel_values=torch.from_numpy(pictures()))
    wanted = given.image_embeds if name == "clip-vit" else given.last_hidden_state[:, 0]
    assert np.array_equal(features(network), wanted.detach().numpy())


@everywhere
def test_a_saved_folder_comes_back(name, tmp_path):
    network = tiny(name)
    saved(network, tmp_path / "mine")
    for weights in (tmp_path / "mine", tmp_path / "mine" / "model.safetensors"):
        loaded = build_backbone(name, weights=weights)
        assert loaded.training
        assert np.array_equal(features(loaded), features(network))


@everywhere
def test_what_serves_is_what_was_trained(name, tmp_path):
    network = Embedder(tiny(name), ProjectionHead(FAMILIES[name][1].embedding or 32, 8))
    seen = Preprocessing(size=32, fit="pad", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    as_ = ExportedAs(name="mine", summary="a small one", licence="Apache-2.0", preprocessing=seen)
    done = export_model(network, as_, pictures(16), files=tmp_path / "run", models=tmp_path / "models")
    assert (done.parity.recall, done.status.description.dimension) == (1, 8)
    assert done.parity.least_cosine > 0.9999
    fresh = pictures(5, seed=9)
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        served = encoder.encode(fresh)
    assert np.allclose(served, to_vectors(features(network, fresh), None), atol=2e-3)


@everywhere
def test_only_the_last_blocks_learn(name):
    network = tiny(name)
    learning = train_last_blocks(network, 1)
    before = {entry: value.clone() for entry, value in network.state_dict().items()}
    network.train()
    assert network.blocks()[1].training
    assert not network.blocks()[0].training
    optimiser = torch.optim.SGD([weight for weight in network.parameters() if weight.requires_grad], lr=0.1)
    network(torch.from_numpy(pictures())).square().mean().backward()
    optimiser.step()
    changed = {entry for entry, value in network.state_dict().items() if not torch.equal(before[entry], value)}
    assert changed
    assert changed <= set(learning), "a key's bias has no gradient, so not all that may learn need change"
    last = set(map(id, [*network.blocks()[1].parameters()]))
    after = {id(weight) for part in network.after_blocks() for weight in part.parameters()}
    assert {id(dict(network.named_parameters())[entry]) for entry in learning} == last | after
    assert len(train_last_blocks(network, 2)) > len(learning)
    assert not any("embedding" in entry for entry in train_last_blocks(network, 2))


def test_of_a_clip_with_both_towers_the_image_tower_is_taken(tmp_path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    whole = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={**sizes, "vocab_size": 50, "projection_dim": 16},
            vision_config={**sizes, "image_size": 32, "patch_size": 8, "projection_dim": 16},
            projection_dim=16,
        )
    ).eval()
    whole.save_pretrained(tmp_path)
    shown = torch.from_numpy(pictures())
    wanted = whole.visual_projection(whole.vision_model(pixel_values=shown).pooler_output)
    loaded = build_backbone("clip-vit", weights=tmp_path)
    assert loaded.dimension == 16
    assert np.allclose(features(loaded), wanted.detach().numpy(), atol=1e-5)


def test_a_classifier_and_a_pooler_are_passed_over(tmp_path):
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    whole = transformers.ViTForImageClassification(config).eval()
    whole.save_pretrained(tmp_path)
    wanted = whole.vit(pixel_values=torch.from_numpy(pictures())).last_hidden_state[:, 0]
    assert np.allclose(features(build_backbone("vit", weights=tmp_path)), wanted.detach().numpy(), atol=1e-5)


def test_positions_are_resampled_once_as_dinov2_does_for_every_batch(tmp_path):
    torch.manual_seed(1)
    family, shape = FAMILIES["dinov2"]
    larger = random_transformer(family, Shape(width=32, layers=2, heads=2, patch=8, size=64)).eval()
    saved(larger, tmp_path)
    smaller = load_transformer(family, tmp_path, shape=shape)
    assert smaller.size == 32
    assert np.allclose(features(smaller), features(larger), atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "clip-vit"])
def test_positions_of_all_families_fit_another_size(name, tmp_path):
    family, shape = FAMILIES[name]
    saved(tiny(name), tmp_path)
    other = Shape(width=32, layers=2, heads=2, patch=8, size=48, embedding=shape.embedding)
    loaded = load_transformer(family, tmp_path, shape=other)
    assert features(loaded, pictures(size=48)).shape == (6, shape.embedding or 32)


def test_own_checkpoints_of_a_known_shape_come_back_and_shapeless_names_need_a_folder(tmp_path):
    network = build_backbone("vit-tiny", weights=None, seed=1)
    again = build_backbone("vit-tiny", weights=None, seed=1).state_dict()
    assert all(torch.equal(again[entry], value) for entry, value in network.state_dict().items())
    save_checkpoint(network.state_dict(), tmp_path / "own.pth")
    loaded = build_backbone("vit-tiny", weights=tmp_path / "own.pth", seed=2)
    assert all(torch.equal(loaded.state_dict()[entry], value) for entry, value in network.state_dict().items())
    for weights in (None, tmp_path / "own.pth"):
        with pytest.raises(TrainingRefused, match=r"config.json.*vit-small"):
            build_backbone("vit", weights=weights)


def damage(folder, what):
    config = json.loads((folder / "config.json").read_text())
    if what == "kind":
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    elif what == "config":
        (folder / "config.json").write_text("{")
    elif what == "layers":
        (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    elif what == "width":
        (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    elif what == "none":
        (folder / "model.safetensors").unlink()
    elif what == "cut":
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    elif what == "gone":
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("kind", "model_type is 'bert'"),
        ("config", "config.json: not readable"),
        ("layers", r"weights are missing, such as .*2"),
        ("width", "not loadable"),
        ("none", "there is no model.safetensors"),
        ("cut", "not loadable"),
        ("gone", "no such folder"),
    ],
)
def test_a_folder_that_is_not_usable_is_refused_with_its_name(tmp_path, what, says):
    folder = saved(tiny("vit"), tmp_path / "mine")
    damage(folder, what)
    with pytest.raises(TrainingRefused, match=says) as refused:
        build_backbone("vit", weights=folder)
    assert str(folder) in str(refused.value)


def test_a_folder_of_another_shape_is_refused(tmp_path):
    saved(tiny("vit"), tmp_path)
    with pytest.raises(TrainingRefused, match="hidden_size is 32, but this backbone has 768"):
        build_backbone("vit-base", weights=tmp_path)


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'lookalike\[transformers\]'"):
        build_backbone("vit-tiny", weights=None)


def test_a_backbone_without_published_weights_says_so(tmp_path):
    for name, repository in (("vit", None), ("vit-tiny", None), ("resnet18", "me/mine")):
        with pytest.raises(TrainingRefused, match="comes with no weights"):
            fetch_weights(name, tmp_path, repository=repository)
