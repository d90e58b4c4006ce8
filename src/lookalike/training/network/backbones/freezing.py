"""Partial fine-tuning: only a network's last blocks learn.

The first ones see edges and textures, which are the same in all pictures; the last ones say what belongs together.
Steps get faster and need less memory, for nothing before the first trained block has a gradient.
"""

from collections.abc import Iterator

from torch import nn

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.blocks import Blocked


def train_last_blocks(network: nn.Module, count: int) -> list[str]:
    """Freeze a backbone except its last blocks and the layers after them; other modules are not changed.

    Frozen parts stay in evaluation mode while the rest trains, so that their batch normalisation keeps its statistics.
    Call it before the optimiser is made, and again (with the same count) before a run is resumed.

    Args:
        network: a backbone, or something that holds one, such as an `Embedder`, whose head goes on learning.
        count: blocks to train, 0 for none: residual blocks of a ResNet, inverted bottlenecks of an EfficientNet-Lite,
            layers of a vision transformer. The stem before the first block is frozen even if all blocks are trained.

    Returns:
        Names of the network's weights that learn.

    Raises:
        TrainingRefused: there is no backbone in it, or it has not that many blocks.
    """
    for backbone in _backbones(network):
        _freeze(backbone, count)
    network.train(network.training)
    return _learning(network)


def train_all(network: nn.Module) -> list[str]:
    """Undo `train_last_blocks`: every weight learns. The names are those of all weights."""
    for backbone in _backbones(network):
        backbone.frozen = ()
        backbone.requires_grad_(True)
    network.train(network.training)
    return _learning(network)


def _learning(network: nn.Module) -> list[str]:
    return [name for name, weight in network.named_parameters() if weight.requires_grad]


def _backbones(network: nn.Module) -> list[Blocked]:
    found = [part for part in network.modules() if isinstance(part, Blocked)]
    if not found:
        raise TrainingRefused(f"a {type(network).__name__} is not cut into blocks: train all of it, or only a head")
    return found


def _freeze(backbone: Blocked, count: int) -> None:
    blocks = list(backbone.blocks())
    if not 0 <= count <= len(blocks):
        raise TrainingRefused(f"last blocks {count}: this backbone has {len(blocks)}, so it must be 0 to {len(blocks)}")
    trained = [*blocks[len(blocks) - count :], *backbone.after_blocks()] if count else []
    inside = {id(part) for each in trained for part in each.modules()}
    weights = {id(weight) for each in trained for weight in each.parameters()}
    backbone.frozen = tuple(_outside(backbone, inside))
    for weight in backbone.parameters():
        weight.requires_grad_(id(weight) in weights)


def _outside(module: nn.Module, inside: set[int], prefix: str = "") -> Iterator[str]:
    """Names of the largest modules that contain none of the given ones."""
    for name, child in module.named_children():
        if id(child) in inside:
            continue
        if inside.isdisjoint(id(part) for part in child.modules()):
            yield f"{prefix}{name}"
        else:
            yield from _outside(child, inside, f"{prefix}{name}.")
