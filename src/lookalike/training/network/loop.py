"""The training loop: plain steps that can be interrupted anywhere and resumed exactly.

What a step learns from is a function of the step's number (`batch_at`), so the state of a run is its weights, its
optimiser and that one number; random numbers, too, are a function of the batch's. On a CPU with the same number of
threads a run that was killed and resumed ends with the same bits as one that was not.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from lookalike.errors import MemoryExhausted, TrainingDiverged, TrainingRefused
from lookalike.training.chance import chance_for
from lookalike.training.network.checkpoint import load_checkpoint, save_checkpoint
from lookalike.training.network.ema import AveragedModel
from lookalike.training.network.interrupting import StopRequest, stop_requests
from lookalike.training.network.schedule import WarmUpCosine
from lookalike.training.run import RunFolder

_Step = TypeVar("_Step")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How a model is trained.

    Attributes:
        steps: updates of the weights.
        optimiser: `adamw` (Loshchilov and Hutter 2019) or `sgd` with Nesterov momentum 0.9.
        learning_rate: the highest, after warming up.
        weight_decay: of weights that are matrices; biases and normalisation have none.
        warm_up: steps in which the rate rises.
        accumulate: batches whose gradients make one step, for batches that do not fit into memory. In-batch negatives
            come from one of them.
        clip_norm: length to which longer gradients are cut; 0 cuts none.
        average: decay of the moving average of the weights that is validated and kept; 0 for none.
        validate_every: steps between validations; 0 for none.
        patience: validations without a better value after which training ends; 0 for never.
        checkpoint_minutes: between checkpoints.
        log_every: steps between lines of metrics.
        precision: `bfloat16` computes products in it where torch thinks that safe, and keeps weights in float32; it
            pays where the processor multiplies bfloat16, and is as exact to resume.
        seed: of the random numbers of the model (dropout).

    Raises:
        ValueError: a value outside its range.
    """

    steps: int
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warm_up: int = 0
    accumulate: int = 1
    clip_norm: float = 0.0
    average: float = 0.0
    validate_every: int = 0
    patience: int = 0
    checkpoint_minutes: float = 5.0
    log_every: int = 10
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.precision not in {"float32", "bfloat16"}:
            raise ValueError(f"precision is {self.precision!r}; it must be float32 or bfloat16")
        if self.optimiser not in {"adamw", "sgd"}:
            raise ValueError(f"optimiser is {self.optimiser!r}; it must be adamw or sgd")
        if self.steps < 1 or self.accumulate < 1 or self.log_every < 1:
            raise ValueError("steps, accumulate and log_every must be at least 1")
        if not (self.learning_rate > 0 and 0 <= self.average < 1):
            raise ValueError("learning_rate must be above 0, average from 0 to below 1")


class Stopped(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    NO_BETTER = "no-better"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """The result of a run.

    Attributes:
        stopped: why it ended.
        steps: done in all.
        best_step: of the best validation; None where there was none.
        best_value: of it.
    """

    stopped: Stopped
    steps: int
    best_step: int | None
    best_value: float | None


@dataclass(slots=True, kw_only=True)
class _Progress:
    """The state in a checkpoint besides the weights."""

    step: int = 0
    best_step: int | None = None
    best_value: float | None = None
    validations_since: int = 0


@dataclass(kw_only=True)
class Training(Generic[_Step]):
    """A model, its training data, and the folder of its run.

    Attributes:
        model: trained in place; after `run` it has the weights of the best validation (or the last, without one),
            averaged if averages are kept.
        batch_at: the batch of a 0-based number; of `accumulate` numbers a step. It must depend on nothing else.
        loss_of: (model, batch) -> a scalar.
        settings: how.
        folder: of the run.
        validate: the higher the better, such as nDCG@10 of held-out queries; gets the model in evaluation mode.
        after_step: called with the model after each step, for what a loss keeps up (MoCo's momentum copy).
        describe: what else the config says, such as the images and the loss; a run goes on only with the same.

    Raises:
        TrainingRefused: all weights are frozen.
    """

    model: nn.Module
    batch_at: Callable[[int], _Step]
    loss_of: Callable[[nn.Module, _Step], Tensor]
    settings: LoopSettings
    folder: RunFolder
    validate: Callable[[nn.Module], float] | None = None
    after_step: Callable[[nn.Module], None] | None = None
    describe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._optimiser = _optimiser(self.model, self.settings)
        self._schedule = WarmUpCosine(steps=self.settings.steps, warm_up=self.settings.warm_up)
        self._average = AveragedModel(self.model, decay=self.settings.average) if self.settings.average else None
        self._progress = _Progress()

    def run(self, *, resume: bool = False) -> TrainingResult:
        """Train to the end, to no more progress, or to Ctrl-C, which ends it after the step with a checkpoint.

        Args:
            resume: go on from the folder's last checkpoint; where a run has none yet, from the start.

        Raises:
            TrainingRefused: the folder holds another run, or a checkpoint that does not fit.
            TrainingDiverged: the loss is no number any more; the last checkpoint is from before.
            MemoryExhausted: a step did not fit into memory.
            StorageFailed: a checkpoint could not be written.
        """
        self._begin(resume=resume)
        with _deterministic(), stop_requests() as request:
            stopped = self._steps(request)
        self._save()
        if stopped is not Stopped.INTERRUPTED:
            self._take_best()
        progress = self._progress
        return TrainingResult(
            stopped=stopped, steps=progress.step, best_step=progress.best_step, best_value=progress.best_value
        )

    def _begin(self, *, resume: bool) -> None:
        self.folder.begin({"loop": asdict(self.settings), **self.describe}, resume=resume)
        if resume and self.folder.last.exists():
            self._restore(load_checkpoint(self.folder.last))
        self.folder.forget_after(self._progress.step)

    def _steps(self, request: StopRequest) -> Stopped:
        saved_at = time.monotonic()
        while self._progress.step < self.settings.steps:
            if self._exhausted_patience():
                return Stopped.NO_BETTER
            if request.made:
                return Stopped.INTERRUPTED
            self._one_step()
            self._validate_if_due()
            if time.monotonic() - saved_at >= 60 * self.settings.checkpoint_minutes:
                self._save()
                saved_at = time.monotonic()
        return Stopped.FINISHED

    def _exhausted_patience(self) -> bool:
        return 0 < self.settings.patience <= self._progress.validations_since

    def _one_step(self) -> None:
        step = self._progress.step
        rate = self.settings.learning_rate * self._schedule.factor(step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        self._optimiser.zero_grad()
        with _memory_advice():
            first = step * self.settings.accumulate
            loss = sum(map(self._backward, range(first, first + self.settings.accumulate)))
        self._require_finite(loss)
        if self.settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self._optimiser.step()
        if self._average:
            self._average.update(self.model)
        if self.after_step:
            self.after_step(self.model)
        self._progress.step = step + 1
        if (step + 1) % self.settings.log_every == 0 or step == 0:
            self.folder.log({"step": step + 1, "loss": loss, "learning_rate": rate})

    def _backward(self, number: int) -> float:
        """Add a batch's gradients; its share of the step's loss."""
        torch.manual_seed(int(chance_for("batch", self.settings.seed, number).integers(2**62)))
        batch = self.batch_at(number)
        with self._precision():
            loss = self.loss_of(self.model, batch) / self.settings.accumulate
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _precision(self) -> torch.autocast:
        device = next(self.model.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.settings.precision == "bfloat16")

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss of step {self._progress.step + 1} is {loss}: lower the learning rate"
                f" ({self.settings.learning_rate:g}), warm up for longer ({self.settings.warm_up} steps), raise the"
                f" temperature, or cut gradients with clip_norm; {self.folder.last} is from before, if it exists"
            )

    def _validate_if_due(self) -> None:
        progress, every = self._progress, self.settings.validate_every
        last = progress.step == self.settings.steps
        if self.validate is None or not every or (progress.step % every and not last):
            return
        value = self._validated(self.validate)
        if self._is_better(value):
            progress.best_value, progress.best_step, progress.validations_since = value, progress.step, 0
        else:
            progress.validations_since += 1

    def _validated(self, validate: Callable[[nn.Module], float]) -> float:
        """Validate, and keep the model if it is better."""
        with torch.no_grad():
            value = validate(self._kept_model().eval())
        self.folder.log({"step": self._progress.step, "validation": value})
        if self._is_better(value):
            state = {"model": self._kept_model().state_dict(), "step": self._progress.step}
            save_checkpoint(state, self.folder.best)
        return value

    def _is_better(self, value: float) -> bool:
        return self._progress.best_value is None or value > self._progress.best_value

    def _kept_model(self) -> nn.Module:
        return self._average.model if self._average else self.model

    def _take_best(self) -> None:
        if self._progress.best_step is not None:
            self.model.load_state_dict(load_checkpoint(self.folder.best)["model"])
        elif self._average:
            self.model.load_state_dict(self._average.model.state_dict())
        self.model.eval()

    def _save(self) -> None:
        average = self._average
        state = {
            "progress": asdict(self._progress),
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "average": average.model.state_dict() if average else {},
            "average_updates": average.updates if average else 0,
        }
        save_checkpoint(state, self.folder.last)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(state["model"])
            self._optimiser.load_state_dict(state["optimiser"])
            if self._average:
                self._average.model.load_state_dict(state["average"])
                self._average.updates = state["average_updates"]
            self._progress = _Progress(**state["progress"])
        except (KeyError, TypeError, ValueError, RuntimeError) as fault:
            raise TrainingRefused(f"{self.folder.last}: a checkpoint of another model: {fault}") from None


def _optimiser(model: nn.Module, settings: LoopSettings) -> torch.optim.Optimizer:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not trained:
        raise TrainingRefused("every weight of the model is frozen: there is nothing to train")
    groups = [
        {"params": [weight for weight in trained if weight.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [weight for weight in trained if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate)
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True)


@contextmanager
def _deterministic() -> Iterator[None]:
    """Only algorithms that give the same bits each time, where there are such; warned of by torch where not."""
    before, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


@contextmanager
def _memory_advice() -> Iterator[None]:
    """Says what to make smaller when a step does not fit into memory."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as fault:
        raise MemoryExhausted(_ADVICE) from fault
    except RuntimeError as fault:
        if "can't allocate memory" not in str(fault):  # what torch's allocator of main memory says
            raise
        raise MemoryExhausted(_ADVICE) from fault


_ADVICE = (
    "a training step does not fit into memory: make the batch smaller (and `accumulate` larger, so that a step still"
    " sees as many images), or the images, or train a head on cached features"
)


def use_threads(count: int) -> None:
    """Let torch use so many threads in this process; 0 for as many as it takes by itself."""
    if count:
        torch.set_num_threads(count)
