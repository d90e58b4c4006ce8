from dataclasses import fields
from types import SimpleNamespace

import pytest

from lookalike.catalog import CatalogState
from lookalike.snapshot import Calibration, IndexPlan, SnapshotRows, publish
from lookalike.types import Visibility
from unit_vectors import clustered

FINGERPRINT = "ab" * 32


@pytest.fixture
def root(tmp_path):
    return tmp_path / "snapshots"


@pytest.fixture
def made(root):
    """Publishes a small library; keyword arguments replace what is published."""

    def make(size=60, *, watermark=1, seed=0, **changed):
        arguments = {
            "model_name": "tiny",
            "fingerprint": FINGERPRINT,
            "state": CatalogState("library", watermark, f"token-{watermark}"),
            "image_ids": [f"{number * 7:032x}" for number in range(size)],
            "vectors": clustered(size + 1, 16, seed=seed)[:size],
            "visibilities": [list(Visibility)[number % 3] for number in range(size)],
        } | changed
        rest = dict(arguments)
        rows, index, calibration = (taken(rest, kind) for kind in (SnapshotRows, IndexPlan, Calibration))
        snapshot = publish(root, rows, index=index, calibration=calibration, **rest)
        return SimpleNamespace(snapshot=snapshot, **arguments)

    return make


def taken(arguments, kind):
    """One of the values `publish` takes, of the arguments that are its fields."""
    names = [field.name for field in fields(kind) if field.name in arguments]
    return kind(**{name: arguments.pop(name) for name in names})
