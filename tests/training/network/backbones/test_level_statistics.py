"""Descriptors of means, spreads and quarters: what they are of, and that they are exported as they are."""

import numpy as np
import pytest
import torch

from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import build_backbone
from lookalike.training.network.backbones.level_statistics import LevelStatistics
from lookalike.training.network.exporting import ExportedAs, export_model


class Flat(torch.nn.Module):
    """Stands in for a network: its only two levels are the picture and a shrunken copy."""

    level_widths = (3, 3)

    def levels(self, batch):
        return [batch, batch[:, :, ::2, ::2]]


def pictures(count=6, size=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 3, size, size)).astype(np.float32))


def test_parts_are_means_spreads_and_quarters_of_each_level():
    batch = pictures()
    made = LevelStatistics(Flat())  # type: ignore[arg-type]
    pooled = made.pooled(batch).numpy()
    assert made.dimension == pooled.shape[1] == 3 * 4 + 3 * 4 * 2
    levels = [each.numpy() for each in Flat().levels(batch)]
    expected = [level.mean(axis=(2, 3)) for level in levels] + [level.std(axis=(2, 3)) for level in levels]
    for level in levels:
        half = level.shape[2] // 2
        near, far = slice(0, half + level.shape[2] % 2), slice(half, None)
        cuts = [(near, near), (far, near), (near, far), (far, far)]
        expected += [level[:, :, rows, columns].mean(axis=(2, 3)) for rows, columns in cuts]
    np.testing.assert_allclose(pooled, np.concatenate(expected, axis=1), atol=1e-5)


def test_a_part_counts_by_its_weight_and_not_by_how_large_its_values_are():
    made = LevelStatistics(Flat())  # type: ignore[arg-type]
    pooled = made.pooled(pictures())
    made.centre_on(pooled)
    large = made.weighted(made.part_means + 100 * (pooled - made.part_means))
    np.testing.assert_allclose(made.weighted(pooled).numpy(), large.numpy(), atol=1e-4)
    lengths = [part.norm(dim=1) for part in torch.split(large, list(made.part_widths), dim=1)]
    expected = torch.tensor([0.5, 1.0, 0.5, 1.0, 0.5, 1.0])[:, None].expand(-1, len(pooled))
    torch.testing.assert_close(torch.stack(lengths), expected, atol=1e-4, rtol=0)


def test_of_a_picture_without_contrast_the_descriptor_is_finite():
    made = LevelStatistics(build_backbone("efficientnet-lite0", weights=None).eval())  # type: ignore[arg-type]
    with torch.no_grad():
        assert torch.isfinite(made(torch.zeros(1, 3, 32, 32))).all()


@pytest.mark.parametrize("size", [32, 33])
def test_it_serves_what_it_is(tmp_path, size):
    made = LevelStatistics(Flat()).eval()  # type: ignore[arg-type]
    shown = pictures(24, size, seed=1)
    made.centre_on(made.pooled(shown))
    preprocessing = Preprocessing(size=size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    as_model = ExportedAs(name="statistics", summary="all", licence="mine", preprocessing=preprocessing)
    done = export_model(made, as_model, shown.numpy(), files=tmp_path / "run", models=tmp_path / "models")
    assert done.parity.pictures == 24
    assert done.parity.least_cosine > 0.9999
