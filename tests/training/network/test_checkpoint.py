import os

import pytest
import torch

from lookalike.errors import StorageFailed, TrainingRefused
from lookalike.training.network.checkpoint import load_checkpoint, save_checkpoint


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half a zip"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(TrainingRefused, match=r"last\.pt"):
        load_checkpoint(tmp_path / "last.pt")
    with pytest.raises(TrainingRefused, match="no checkpoint to resume from"):
        load_checkpoint(tmp_path / "missing.pt")


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "last.pt"
    save_checkpoint({"step": 1}, file)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        save_checkpoint({"step": 2}, file)
    assert load_checkpoint(file) == {"step": 1}


def test_a_checkpoint_comes_back_and_is_replaced_whole(tmp_path):
    for step in (1, 2):
        save_checkpoint({"step": step, "weights": torch.full((2,), float(step))}, tmp_path / "last.pt")
    state = load_checkpoint(tmp_path / "last.pt")
    assert state["step"] == 2
    assert torch.equal(state["weights"], torch.tensor([2.0, 2.0]))
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_no_checkpoint_says_how_to_begin(tmp_path):
    with pytest.raises(TrainingRefused, match="no checkpoint to resume from"):
        load_checkpoint(tmp_path / "last.pt")
