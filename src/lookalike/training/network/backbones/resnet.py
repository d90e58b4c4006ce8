"""ResNet: He et al. 2016, "Deep residual learning for image recognition", with the stride in the 3 x 3 convolution.

Names of weights are torchvision's, so that its published files can be loaded.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.training.network.backbones.blocks import Blocked


class _Residual(nn.Module):
    """What both kinds of block share: the shortcut, projected where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def changes(self, pixels: Tensor) -> Tensor:
        """What is added to the shortcut."""
        raise NotImplementedError

    def forward(self, pixels: Tensor) -> Tensor:
        """[b, inputs, h, w] to [b, outputs, h / stride, w / stride]."""
        return functional.relu(self.changes(pixels) + self.downsample(pixels))


class BasicBlock(_Residual):
    """Two 3 x 3 convolutions (ResNet-18 and -34)."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__(inputs, channels, stride)
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def changes(self, pixels: Tensor) -> Tensor:
        """What is added to the shortcut."""
        pixels = functional.relu(self.bn1(self.conv1(pixels)))
        changed: Tensor = self.bn2(self.conv2(pixels))
        return changed


class Bottleneck(_Residual):
    """A 3 x 3 convolution between two of 1 x 1 (ResNet-50 and larger)."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        outputs = channels * self.expansion
        super().__init__(inputs, outputs, stride)
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def changes(self, pixels: Tensor) -> Tensor:
        """What is added to the shortcut."""
        pixels = functional.relu(self.bn1(self.conv1(pixels)))
        pixels = functional.relu(self.bn2(self.conv2(pixels)))
        changed: Tensor = self.bn3(self.conv3(pixels))
        return changed


class ResNet(Blocked):
    """Pooled features of the last stage.

    Args:
        block: of which it is made.
        depths: blocks in each of the four stages.
        small: for pictures of 32 to 64 pixels: a 3 x 3 stem that keeps the size, as SimCLR does on CIFAR-10.

    Attributes:
        dimension: of the features.
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], depths: tuple[int, int, int, int], *, small: bool = False
    ) -> None:
        super().__init__()
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv1 = nn.Conv2d(3, 64, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool: nn.Module = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        width = 64
        for stage, depth in enumerate(depths):
            channels = 64 * 2**stage
            blocks = []
            for place in range(depth):
                blocks.append(block(width, channels, 2 if stage and not place else 1))
                width = channels * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.dimension = width
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, batch: Tensor) -> Tensor:
        """[b, 3, size, size] to [b, dimension]."""
        pixels = self.maxpool(functional.relu(self.bn1(self.conv1(batch))))
        for stage in range(1, 5):
            pixels = getattr(self, f"layer{stage}")(pixels)
        return torch.mean(pixels, dim=(2, 3))

    def blocks(self) -> Sequence[nn.Module]:
        """The residual blocks of all stages."""
        return [block for stage in range(1, 5) for block in getattr(self, f"layer{stage}")]
