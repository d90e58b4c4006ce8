import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import (
    TokenRegions,
    train_last_blocks,
)
from lookalike.training.network.exporting import ExportedAs, export_model
from training.network.backbones.tiny_transformers import pictures, tiny


def test_regions_are_those_of_the_served_model(tmp_path):
    network = tiny("clip-vit").eval()
    regions = TokenRegions(network, weights=(1.0, 0.5, 0.25)).eval()
    assert (regions.grid, regions.centre, regions.dimension) == (4, 2, 96)
    shown = torch.from_numpy(pictures(3))
    tower = network.network.vision_model
    for tokens, row in zip(tower(pixel_values=shown).last_hidden_state, regions(shown), strict=True):
        middle = torch.stack([tokens[1 + 4 * down + right] for down in (1, 2) for right in (1, 2)]).mean(0)
        parts = [tower.post_layernorm(part) for part in (tokens[0], middle, tokens[1:].mean(0))]
        wanted = [part / part.norm() * weight for part, weight in zip(parts, (1.0, 0.5, 0.25), strict=True)]
        assert torch.allclose(row, torch.cat(wanted), atol=1e-5)
    assert train_last_blocks(regions, 1)
    as_ = ExportedAs(
        name="regions", summary="", licence="MIT", preprocessing=Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))
    )
    done = export_model(regions, as_, pictures(8), files=tmp_path / "run", models=tmp_path / "models")
    assert done.parity.least_cosine > 0.9999
    with pytest.raises(TrainingRefused, match="CLIP"):
        TokenRegions(tiny("vit"))
