"""The folder of a run: its settings, metrics and checkpoints.

::

    RUN/
      config.json         the settings, written once
      metrics.jsonl       one line a logged step or validation
      last.pt             where to go on
      best.pt             the state with the best validation so far
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookalike.errors import StorageFailed, TrainingRefused


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one training run.

    Attributes:
        path: of it.
        tell: is given every line of metrics too.
    """

    path: Path
    tell: Callable[[Mapping[str, Any]], None] = field(default=lambda _: None, compare=False, repr=False)

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / "last.pt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best validation."""
        return self.path / "best.pt"

    @property
    def config(self) -> Path:
        """Settings of the run."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """Metrics, one line per step."""
        return self.path / "metrics.jsonl"

    def begin(self, config: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder, or check that it holds a run with the same settings.

        Raises:
            TrainingRefused: it holds a run and `resume` is false, or one with other settings; the message names them.
            StorageFailed: the disk is full, read-only or failing.
        """
        wanted = json.loads(json.dumps(config, sort_keys=True))
        if self.config.exists():
            if not resume:
                raise TrainingRefused(
                    f"{self.path}: there is a run in this folder; resume it, or choose another folder"
                )
            self._require_same(wanted)
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.config.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        except OSError as fault:
            raise StorageFailed(f"{self.path}: {fault}") from fault

    def _require_same(self, wanted: dict[str, Any]) -> None:
        try:
            before = json.loads(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise TrainingRefused(f"{self.config}: not readable: {fault}") from None
        other = sorted(key for key in wanted.keys() | before.keys() if wanted.get(key) != before.get(key))
        if other:
            changes = ", ".join(f"{key} was {before.get(key)!r}, now {wanted.get(key)!r}" for key in other)
            raise TrainingRefused(f"{self.path}: this run cannot be resumed with other settings: {changes}")

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line of metrics.

        Raises:
            StorageFailed: the disk is full, read-only or failing.
        """
        try:
            with self.metrics.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(line, sort_keys=True) + "\n")
        except OSError as fault:
            raise StorageFailed(f"{self.metrics}: {fault}") from fault
        self.tell(line)

    def lines(self) -> list[dict[str, Any]]:
        """All metrics so far; a line that was cut off by a kill is left out."""
        if not self.metrics.exists():
            return []
        found = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def forget_after(self, step: int) -> None:
        """Drop metrics of later steps, which a run resumed at `step` will write again."""
        kept = [line for line in self.lines() if line["step"] <= step]
        beside = self.metrics.with_suffix(".unfinished")
        try:
            beside.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in kept), encoding="utf-8")
            beside.replace(self.metrics)
        except OSError as fault:
            raise StorageFailed(f"{self.metrics}: {fault}") from fault
