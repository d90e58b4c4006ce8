"""Networks that are a sequence of blocks, of which the first ones can be frozen."""

from collections.abc import Sequence
from typing import Self

from torch import nn


class Blocked(nn.Module):
    """What every backbone is; `freezing.train_last_blocks` chooses what of it is trained.

    Attributes:
        dimension: of the features.
        frozen: names of parts that stay in evaluation mode whatever `train` says: their batch normalisation must not
            go on following the batches, and their dropout must not disturb features that nothing adapts to.
    """

    dimension: int

    def __init__(self) -> None:
        super().__init__()
        self.frozen: tuple[str, ...] = ()

    def blocks(self) -> Sequence[nn.Module]:
        """In the order in which they are passed."""
        raise NotImplementedError

    def after_blocks(self) -> Sequence[nn.Module]:
        """What follows the last block and has weights; trained together with it."""
        return ()

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as torch has it
        """Training mode for what is trained, evaluation mode for what is frozen."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self
