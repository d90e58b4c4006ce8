"""EfficientNet-Lite: EfficientNet (Tan and Le 2019) without squeeze-and-excitation and with ReLU6, by Google 2020.

Names of weights are those of the files made for `efficientnet-lite-pytorch`, which hold Google's weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.training.network.backbones.blocks import Blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much wider and deeper than Lite0, and the side of its pictures."""

    width: float
    depth: float
    size: int


@dataclass(frozen=True, slots=True)
class _Stage:
    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
_STEM, _HEAD = 32, 1_280


class _SamePaddedConvolution(nn.Conv2d):
    """TensorFlow's "SAME" padding, which pads below and on the right first, so that published weights fit."""

    def forward(self, pixels: Tensor) -> Tensor:
        """[b, inputs, h, w] to [b, outputs, ceil(h / stride), ceil(w / stride)]."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        sides = [int(side) for side in pixels.shape[-2:]]
        missing = [max((math.ceil(side / stride) - 1) * stride + kernel - side, 0) for side in sides]
        high, wide = missing
        padded = functional.pad(pixels, [wide // 2, wide - wide // 2, high // 2, high - high // 2])
        convolved: Tensor = super().forward(padded)
        return convolved


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    """An inverted bottleneck: wider, a convolution within each channel, narrower; added to its input where it fits."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False) if expansion != 1 else None
        self._bn0 = _norm(wide) if expansion != 1 else None
        self._depthwise_conv = _SamePaddedConvolution(wide, wide, kernel, stride=stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, pixels: Tensor) -> Tensor:
        """[b, inputs, h, w] to [b, outputs, h / stride, w / stride]."""
        changed = pixels
        if self._expand_conv is not None and self._bn0 is not None:
            changed = functional.relu6(self._bn0(self._expand_conv(changed)))
        changed = functional.relu6(self._bn1(self._depthwise_conv(changed)))
        changed = self._bn2(self._project_conv(changed))
        return torch.add(changed, pixels) if self._adds else changed


class EfficientNetLite(Blocked):
    """Pooled features before the classifier.

    Attributes:
        dimension: of the features.
        level_widths: channels of what `levels` gives: the first convolution's, each stage's and the features'.
    """

    dimension = _HEAD

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self._conv_stem = _SamePaddedConvolution(3, _STEM, 3, stride=2, bias=False)
        self._bn0 = _norm(_STEM)
        blocks, width, widths, lasts = [], _STEM, [_STEM], []
        for place, stage in enumerate(_STAGES):
            ends = place in {0, len(_STAGES) - 1}  # the first and the last stage are as deep in every scale
            outputs = _rounded(stage.channels * scale.width)
            for number in range(stage.repeats if ends else math.ceil(stage.repeats * scale.depth)):
                stride = stage.stride if number == 0 else 1
                blocks.append(_Block(width, outputs, kernel=stage.kernel, stride=stride, expansion=stage.expansion))
                width = outputs
            widths.append(width)
            lasts.append(len(blocks) - 1)
        self.level_widths = (*widths, _HEAD)
        self._lasts = frozenset(lasts)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(width, _HEAD, 1, bias=False)
        self._bn1 = _norm(_HEAD)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out")

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, 1280]."""
        return torch.mean(self.levels(batch)[-1], dim=(2, 3))

    def levels(self, batch: Tensor) -> list[Tensor]:
        """Outputs of all depths, [b, 3, size, size] to a [b, channels, h, w] for each of `level_widths`."""
        found, pixels = self.levels_before(batch, 0)
        return [*found, *self.levels_from(pixels, 0)]

    def levels_before(self, batch: Tensor, first: int) -> tuple[list[Tensor], Tensor]:
        """The depths that lie before a block, by its number, and what that block takes."""
        pixels = functional.relu6(self._bn0(self._conv_stem(batch)))
        found = [pixels]
        return self._passed(found, pixels, range(first))

    def levels_from(self, pixels: Tensor, first: int) -> list[Tensor]:
        """The other depths, from what the block takes."""
        found, pixels = self._passed([], pixels, range(first, len(self._blocks)))
        return [*found, functional.relu6(self._bn1(self._conv_head(pixels)))]

    def _passed(self, found: list[Tensor], pixels: Tensor, numbers: range) -> tuple[list[Tensor], Tensor]:
        for number in numbers:
            pixels = self._blocks[number](pixels)
            if number in self._lasts:
                found.append(pixels)
        return found, pixels

    def blocks(self) -> Sequence[nn.Module]:
        """The inverted bottlenecks."""
        return list(self._blocks)

    def after_blocks(self) -> Sequence[nn.Module]:
        """The convolution that widens the last block's output to the features."""
        return [self._conv_head, self._bn1]


def _rounded(channels: float) -> int:
    """To a multiple of 8, at most a tenth less than asked for."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
