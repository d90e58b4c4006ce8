"""Training in several processes, started by `torchrun`.

A step uses `accumulate` batches, divided among the processes by their numbers, and the gradients are added up. A run in
two processes therefore gives the same result as in one, up to the order of additions. This includes in-batch negatives,
which always come from the same batch. A run can be resumed with another number of processes. Only the running
statistics of batch normalisation differ: they are averaged over the processes instead of being updated batch by batch.
A loss with its own state, such as MoCo's queue, needs a single process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import nn

from lookalike.errors import TrainingRefused

_PATIENCE = timedelta(hours=12)  # for the first process, which validates while the others wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which of the processes this is; its methods must be called by all of them, in the same order.

    Attributes:
        rank: 0 to count - 1; the first alone writes, reports and validates.
        count: processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def numbers(self, step: int, accumulate: int) -> range:
        """The numbers of the batches of a 0-based step that are this process's."""
        return range(step * accumulate + self.rank, (step + 1) * accumulate, self.count)

    def require_divides(self, accumulate: int) -> None:
        """Every process has as much to do as every other.

        Raises:
            TrainingRefused: it has not.
        """
        if accumulate % self.count:
            raise TrainingRefused(
                f"accumulate is {accumulate}, but there are {self.count} processes, which share the batches of a step:"
                f" set it to a multiple of {self.count} (and the batch smaller, so that a step sees as many images)"
            )

    def start_alike(self, model: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                torch.distributed.broadcast(tensor, src=0)

    def add_gradients(self, model: nn.Module, loss: float) -> float:
        """Replace each weight's gradient by the sum over the processes; the sum of their losses.

        A weight that no process has a gradient of is left without one. Floating buffers, which are the running
        statistics of batch normalisation, become their means.
        """
        if self.count == 1:
            return loss
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        flags = [0.0 if weight.grad is None else 1.0 for weight in weights]
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        told = torch.tensor([loss, *flags], dtype=torch.float64)
        torch.distributed.all_reduce(told)
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        torch.distributed.all_reduce(flat)
        sums = torch.split(flat, [weight.numel() for weight in weights])
        for weight, added, holders in zip(weights, sums, told[1:].tolist(), strict=True):
            weight.grad = added.view_as(weight).clone() if holders else None
        self._average_buffers(model)
        return float(told[0])

    def _average_buffers(self, model: nn.Module) -> None:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                torch.distributed.all_reduce(buffer)
                buffer.div_(self.count)

    def any(self, flag: bool) -> bool:  # noqa: FBT001 - like the built-in
        """Whether the flag is set in one of the processes."""
        return self._sum(float(flag)) > 0

    def first_ones(self, value: float) -> float:
        """The first process's value, everywhere."""
        return self._sum(value if self.is_first else 0.0)

    def wait(self) -> None:
        """Until all processes are here."""
        self._sum(0.0)

    def _sum(self, value: float) -> float:
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return float(total)


ALONE = Place()


@contextmanager
def place_of_this_process() -> Iterator[Place]:
    """Join the other processes that `torchrun` started, over the loopback or the network; alone without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or "RANK" not in os.environ:
        yield ALONE
        return
    torch.distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Place(rank=int(os.environ["RANK"]), count=count)
    finally:
        torch.distributed.destroy_process_group()


def use_threads(count: int) -> None:
    """Let torch use so many threads in this process; 0 for as many as it takes by itself."""
    if count:
        torch.set_num_threads(count)
