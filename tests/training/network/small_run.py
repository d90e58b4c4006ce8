"""A run of a second: a small network with dropout learns to tell four clouds of points apart."""

import os
import signal
import sys
from pathlib import Path

import torch

from lookalike.training.network.loop import LoopSettings, Training
from lookalike.training.network.losses import itself, supervised_contrastive
from lookalike.training.run import RunFolder

SETTINGS = LoopSettings(
    steps=40,
    learning_rate=0.01,
    warm_up=5,
    average=0.9,
    validate_every=10,
    checkpoint_minutes=0.0,
    log_every=1,
    accumulate=2,
)


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 4)
    )


def batch_at(number):
    chance = torch.Generator().manual_seed(number)
    labels = torch.randint(4, (16,), generator=chance)
    centres = torch.eye(4).repeat(1, 2)
    return centres[labels] + 0.3 * torch.randn(16, 8, generator=chance), labels


def loss_of(model, batch):
    points, labels = batch
    vectors, own = model(points), itself(len(points))
    return supervised_contrastive(vectors, vectors, (labels[:, None] == labels) & ~own, never_negative=own)


def validate(model):
    return -float(loss_of(model, batch_at(10_000)))


def training(folder, *, settings=SETTINGS, **options):
    given = {"batch_at": batch_at, "loss_of": loss_of, "validate": validate} | options
    model = given.pop("model", None) or network()
    return Training(model=model, settings=settings, folder=RunFolder(Path(folder)), **given)


def main():
    """Train in the folder named, going on where it was, and be killed where the test says.

    `batch 33` is killed before it learns from that batch, `sync 31` in the middle of writing a checkpoint.
    """
    torch.set_num_threads(1)
    folder, what, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    syncs, flushed = iter(range(1_000)), os.fsync

    def batch(number):
        if (what, number) == ("batch", count):
            os.kill(os.getpid(), signal.SIGKILL)
        return batch_at(number)

    def sync(stream):
        if (what, next(syncs)) == ("sync", count):
            os.kill(os.getpid(), signal.SIGKILL)
        flushed(stream)

    os.fsync = sync
    training(folder, batch_at=batch).run(resume=True)


if __name__ == "__main__":
    main()
