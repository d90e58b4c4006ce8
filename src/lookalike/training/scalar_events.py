"""The curves of a run for TensorBoard, written during the run."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from lookalike.errors import StorageFailed
from lookalike.on_demand import load

_CURVES = ("loss", "learning_rate", "validation")
_SECONDS = 10  # until what was told is on the disk


class ScalarEvents:
    """Lines of metrics as scalars named `head/loss`, `fine-tuning/validation` and the like.

    What a resumed run does again is written again, with the same values.

    Args:
        folder: for `tensorboard --logdir`.

    Raises:
        DependencyMissing: the package `tensorboard` is not installed.
        StorageFailed: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        needed = "--tensorboard needs the package tensorboard: run `pip install 'lookalike[tensorboard]'`"
        self._event = load("tensorboard.compat.proto.event_pb2", otherwise=needed).Event
        self._summary = load("tensorboard.compat.proto.summary_pb2", otherwise=needed).Summary
        writer = load("tensorboard.summary.writer.event_file_writer", otherwise=needed)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = writer.EventFileWriter(str(folder), flush_secs=_SECONDS)
        except OSError as fault:
            raise StorageFailed(f"{folder}: {fault.strerror or fault}") from fault

    def tell(self, part: str, line: Mapping[str, Any]) -> None:
        """Write the numbers of a line of metrics as curves.

        Args:
            part: what is trained.
            line: of `metrics.jsonl`.
        """
        values = [
            self._summary.Value(tag=f"{part}/{curve}", simple_value=line[curve]) for curve in _CURVES if curve in line
        ]
        event = self._event(step=line["step"], wall_time=time.time(), summary=self._summary(value=values))
        self._writer.add_event(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
