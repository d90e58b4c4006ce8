import pytest
import torch

from lookalike.training.network.backbones import Embedder, ProjectionHead, build_backbone


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_projection_head_gives_the_size_asked_for(hidden):
    backbone = build_backbone("resnet18-small", weights=None)
    model = Embedder(backbone, ProjectionHead(512, 24, hidden=hidden))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 24)
