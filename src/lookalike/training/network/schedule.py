"""Learning rate schedules."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUpCosine:
    """Linear from 0 to 1, then half a cosine down to `last`: Loshchilov and Hutter 2017, "SGDR", without restarts.

    Attributes:
        steps: of the whole run.
        warm_up: steps of it in which the rate rises.
        last: share of the rate that is left at the end.
    """

    steps: int
    warm_up: int = 0
    last: float = 0.0

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at a 0-based step."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = min((step - self.warm_up) / max(self.steps - self.warm_up, 1), 1.0)
        return self.last + (1 - self.last) * 0.5 * (1 + math.cos(math.pi * done))
