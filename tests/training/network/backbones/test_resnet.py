import pytest
import torch

from lookalike.training.network.backbones.resnet import BasicBlock, Bottleneck, ResNet


@pytest.fixture
def batch():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_small_stem_keeps_the_size_of_small_pictures(batch):
    shapes = {}
    for small in (False, True):
        network = ResNet(BasicBlock, (1, 1, 1, 1), small=small).eval()
        network.layer1.register_forward_hook(lambda _, given, __, small=small: shapes.update({small: given[0].shape}))
        assert network(batch).shape == (2, network.dimension)
    assert shapes == {False: (2, 64, 16, 16), True: (2, 64, 64, 64)}


@pytest.mark.parametrize(("block", "width"), [(BasicBlock, 512), (Bottleneck, 2048)])
def test_blocks_are_passed_in_order_and_halve_the_picture_at_each_stage(batch, block, width):
    network = ResNet(block, (1, 2, 1, 1)).eval()
    seen = []
    for part in network.blocks():
        part.register_forward_hook(lambda part, _, made: seen.append((part, made.shape[2])))
    assert network(batch).shape == (2, width)
    assert [part for part, _ in seen] == list(network.blocks())
    assert [side for _, side in seen] == [16, 8, 8, 4, 2]


def test_a_block_that_changes_nothing_passes_its_input_on():
    block = BasicBlock(8, 8, 1).eval()
    torch.nn.init.zeros_(block.bn2.weight)
    pixels = torch.rand(1, 8, 5, 5)
    torch.testing.assert_close(block(pixels), pixels)
