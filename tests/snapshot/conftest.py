from types import SimpleNamespace

import pytest

from lookalike.catalog import CatalogState
from lookalike.snapshot import publish
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
        return SimpleNamespace(snapshot=publish(root, **arguments), **arguments)

    return make
