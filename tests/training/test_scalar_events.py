import sys

import pytest

from lookalike.errors import DependencyMissing, StorageFailed
from lookalike.training.scalar_events import ScalarEvents


def test_curves_can_be_read_by_tensorboard(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    with ScalarEvents(tmp_path / "events") as events:
        events.tell("head", {"step": 1, "loss": 0.5, "seconds": 3.0})
        events.tell("fine-tuning", {"step": 2, "validation": 0.25})
    (file,) = (tmp_path / "events").iterdir()
    found = {
        (event.step, value.tag): value.tensor.float_val[0]
        for event in loader.EventFileLoader(str(file)).Load()
        for value in event.summary.value
    }
    assert found == {(1, "head/loss"): 0.5, (2, "fine-tuning/validation"): 0.25}


def test_what_is_missing_or_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file"):
        ScalarEvents(tmp_path / "file" / "events")
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'lookalike\[tensorboard\]'"):
        ScalarEvents(tmp_path / "events")
