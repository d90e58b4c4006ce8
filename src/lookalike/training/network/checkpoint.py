"""Checkpoints: tensors and plain values, written atomically; and which weights a network has."""

import hashlib
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from lookalike.durable import whole_file
from lookalike.errors import StorageFailed, TrainingRefused


def save_checkpoint(state: dict[str, Any], file: Path) -> None:
    """Write tensors and plain values, so that a cut of power leaves the old file or the new one.

    Raises:
        StorageFailed: the disk is full, read-only or failing; the old checkpoint is still there.
    """
    try:
        with whole_file(file) as stream:
            torch.save(state, stream)
    except (OSError, RuntimeError) as fault:  # torch reports a failed write as a RuntimeError
        raise StorageFailed(f"{file}: the checkpoint could not be written: {fault}") from fault


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; nothing in the file is executed.

    Raises:
        TrainingRefused: there is none, or it is no checkpoint.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingRefused(f"{file}: there is no checkpoint to resume from; start without --resume") from None
    except (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, UnpicklingError) as fault:
        raise TrainingRefused(f"{file}: not a readable checkpoint: {fault}") from None
    if not isinstance(state, dict):
        raise TrainingRefused(f"{file}: not a checkpoint of a training run")
    return state


def weights_digest(network: nn.Module) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a network's weights and their names."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
