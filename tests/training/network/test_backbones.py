"""Backbones: the published weights give the published vectors, and every one can be trained."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from lookalike.embedding import open_encoder
from lookalike.errors import FetchFailed, TrainingRefused
from lookalike.preprocessing import transform
from lookalike.training.network.backbones import BACKBONES, Embedder, ProjectionHead, build_backbone, fetch_weights
from lookalike.training.network.checkpoint import save_checkpoint
from pictures import photo

PROJECT = Path(__file__).parents[2]
PARAMETERS = {  # without the classifier; of the papers' and torchvision's models
    "efficientnet-lite0": 3_371_008,
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
}


def unavailable(message):
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def lite0_weights():
    """Fetched once into the folder of the models; other processes wait."""
    folder = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models")) / ".backbones"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        try:
            return fetch_weights("efficientnet-lite0", folder)
        except FetchFailed as fault:
            return unavailable(str(fault))


@pytest.mark.model
def test_lite0_is_the_model_that_serves(lite0_weights):
    models = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    if not (models / "efficientnet-lite0" / "record.json").exists():
        unavailable("efficientnet-lite0 was not pulled: run `make models`")
    backbone = build_backbone("efficientnet-lite0", weights=lite0_weights).eval()
    with open_encoder("efficientnet-lite0", models=models) as encoder:
        batch = np.stack([transform(np.asarray(photo(seed=seed)), encoder.preprocessing) for seed in range(3)])
        served = encoder.descriptors(batch)
    with torch.no_grad():
        ours = backbone(torch.from_numpy(batch)).numpy()
    cosines = np.sum(served * ours, axis=1) / (np.linalg.norm(served, axis=1) * np.linalg.norm(ours, axis=1))
    assert cosines.min() > 0.9999
    assert np.abs(served - ours).max() < 1e-3


@pytest.mark.parametrize("name", sorted(name for name in BACKBONES if BACKBONES[name].load is None))
def test_every_backbone_says_its_dimension_and_passes_gradients(name):
    backbone = build_backbone(name, weights=None)
    features = backbone(torch.zeros(2, 3, 33, 33))  # an odd side, for which padding is not symmetric
    assert features.shape == (2, BACKBONES[name].dimension)
    features.square().sum().backward()
    assert all(weight.grad is not None for weight in backbone.parameters())


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_sizes_are_the_published_ones(name):
    assert sum(weight.numel() for weight in build_backbone(name, weights=None).parameters()) == PARAMETERS[name]


def test_a_random_start_depends_on_the_seed_and_disturbs_no_other_randomness():
    before = torch.get_rng_state()
    first, again, other = (build_backbone("resnet18-small", weights=None, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_own_weights_come_back_and_a_classifier_is_passed_over(tmp_path):
    model = build_backbone("resnet18-small", weights=None, seed=1)
    save_checkpoint({**model.state_dict(), "fc.weight": torch.zeros(10, 512)}, tmp_path / "own.pth")
    loaded = build_backbone("resnet18-small", weights=tmp_path / "own.pth", seed=2)
    assert torch.equal(loaded.state_dict()["layer4.1.conv2.weight"], model.state_dict()["layer4.1.conv2.weight"])


def test_wrong_names_and_wrong_weights_are_refused(tmp_path):
    with pytest.raises(TrainingRefused, match="resnet18-small"):
        build_backbone("vgg", weights=None)
    with pytest.raises(TrainingRefused, match="comes with no weights"):
        fetch_weights("resnet18", tmp_path)
    state = build_backbone("resnet18-small", weights=None).state_dict()
    save_checkpoint({**state, "conv1.weight": torch.zeros(1)}, tmp_path / "shape.pth")
    with pytest.raises(TrainingRefused, match=r"not the weights of resnet18-small: 1 .*conv1\.weight"):
        build_backbone("resnet18-small", weights=tmp_path / "shape.pth")
    del state["bn1.bias"]
    save_checkpoint(state, tmp_path / "missing.pth")
    with pytest.raises(TrainingRefused, match=r"bn1\.bias"):
        build_backbone("resnet18-small", weights=tmp_path / "missing.pth")


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_projection_head_gives_the_size_asked_for(hidden):
    backbone = build_backbone("resnet18-small", weights=None)
    model = Embedder(backbone, ProjectionHead(512, 24, hidden=hidden))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 24)
