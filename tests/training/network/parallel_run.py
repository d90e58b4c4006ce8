"""Started by torchrun: the run of `small_run` without batch normalisation, in as many processes as there are."""

import os
import sys

import torch

from lookalike.errors import TrainingDiverged
from lookalike.training.network.loop import LoopSettings
from lookalike.training.network.parallel import place_of_this_process
from training.network.small_run import batch_at, loss_of, training

SETTINGS = LoopSettings(
    steps=12, learning_rate=0.01, average=0.9, validate_every=4, checkpoint_minutes=0.0, log_every=1, accumulate=2
)


def network(rank=0):
    torch.manual_seed(1 + rank)
    return torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 4), torch.nn.Linear(4, 4)
    )


def main():
    """FOLDER WHAT: `whole`, `resume`, `stop` (the second process asks to stop in step 5) or `nan` (likewise)."""
    torch.set_num_threads(1)
    folder, what = sys.argv[1:]
    with place_of_this_process() as place:
        calls = []

        def loss(model, batch):
            calls.append(1)
            spoilt = place.rank == 1 and len(calls) == 5
            if spoilt and what == "stop":
                os.kill(os.getpid(), 2)
            return loss_of(model, batch) * (float("nan") if spoilt and what == "nan" else 1)

        def validate(model):
            assert place.is_first
            return -float(loss_of(model, batch_at(10_000)))

        run = training(
            folder, settings=SETTINGS, model=network(place.rank), place=place, loss_of=loss, validate=validate
        )
        try:
            result = run.run(resume=what == "resume")
        except TrainingDiverged:
            sys.stdout.write(f"rank {place.rank} diverged\n")
            return
        weights = torch.cat([weight.reshape(-1) for weight in run.model.parameters()]).double().sum().item()
        sys.stdout.write(f"rank {place.rank} {result.stopped} {result.steps} {result.best_step} {weights!r}\n")


if __name__ == "__main__":
    main()
