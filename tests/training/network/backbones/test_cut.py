import pytest
import torch

from lookalike.training.network.backbones.cut import EarlyLevels, LateLevels
from training.network.small_levels import SIZE, small_levels


@pytest.mark.parametrize("first", [0, 1, 5, 7, 10])
def test_a_network_cut_before_any_block_gives_what_the_whole_gives(first):
    network = small_levels()
    first = min(first, len(network.network.blocks()))
    pictures = torch.randn(3, 3, SIZE, SIZE)
    early = EarlyLevels(network, first, size=SIZE)
    with torch.no_grad():
        kept = early(pictures)
        assert kept.shape == (3, early.dimension)
        torch.testing.assert_close(LateLevels(network, early)(kept), network(pictures), atol=1e-5, rtol=1e-4)
