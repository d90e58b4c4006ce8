"""Backbones: the published weights give the published vectors, and every one can be trained."""

import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones import BACKBONES, build_backbone, fetch_weights
from lookalike.training.network.checkpoint import save_checkpoint

PARAMETERS = {  # without the classifier; of the papers' and torchvision's models
    "efficientnet-lite0": 3_371_008,
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
}


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
