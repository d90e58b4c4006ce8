"""Learning from clicks as they are: how likely is what people did, if relevance depends on similarity like this?"""

import torch
from torch import Tensor
from torch.nn import functional

_SLOPE = 4.0  # of the logarithm of a level's odds against the level below, by cosine
_FIT_STEPS = 60


class LevelPrior:
    """How frequent each level of relevance is, by the cosine of a pair and by how much its query is clicked.

    `softmax(base + slope * (cosine - middle) + habit_slope * habit)` over levels. Base and habit slope are fitted to
    the cosines of the start and then stay as they are, and so does the slope: the model has to spread the cosines as
    far as clicks differ.

    Args:
        cosines: [pairs], of the start.
        habits: [pairs], how much else is clicked for the query; mean 0 and standard deviation 1.
        log_likelihood: [pairs, levels], of what was done with each pair.
    """

    def __init__(self, cosines: Tensor, habits: Tensor, log_likelihood: Tensor) -> None:
        levels = log_likelihood.shape[1]
        self._middle = float(cosines.mean())
        self._slope = _SLOPE * torch.arange(levels)
        self._base, self._habit_slope = torch.zeros(levels), torch.zeros(levels)
        self._fit(cosines, habits, log_likelihood)

    def _fit(self, cosines: Tensor, habits: Tensor, log_likelihood: Tensor) -> None:
        fitted = [self._base.requires_grad_(), self._habit_slope.requires_grad_()]
        optimiser = torch.optim.LBFGS(fitted, max_iter=_FIT_STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = -_marginal(self(cosines, habits), log_likelihood).mean()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]
        self._base, self._habit_slope = (one.detach() for one in fitted)

    def __call__(self, cosines: Tensor, habits: Tensor) -> Tensor:
        """[..., levels], logarithms of the shares of the levels."""
        odds = self._base + self._slope * (cosines[..., None] - self._middle) + self._habit_slope * habits[..., None]
        return functional.log_softmax(odds, dim=-1)


def click_likelihood(log_shares: Tensor, log_likelihood: Tensor, shown: Tensor) -> Tensor:
    """The mean negative logarithm of the probability of what was done with each shown image: a scalar.

    The level of a pair is not known, so it is summed over: sum_k P(level k | cosine) P(evidence | level k).
    Unlike labels made from clicks first, a pair of which little is known pulls little, whatever it was taken for.

    Args:
        log_shares: [b, n, levels], of each level by the model.
        log_likelihood: [b, n, levels], of what was done with each pair.
        shown: [b, n] bool; others are left out.
    """
    return -_marginal(log_shares, log_likelihood)[shown].mean()


def _marginal(log_shares: Tensor, log_likelihood: Tensor) -> Tensor:
    return torch.logsumexp(log_shares + log_likelihood, dim=-1)
