import os
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from lookalike.embedding import open_encoder
from lookalike.errors import FetchFailed
from lookalike.preprocessing import transform
from lookalike.training.network.backbones import build_backbone, fetch_weights
from pictures import photo

PROJECT = Path(__file__).parents[4]


def unavailable(message):
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def lite0_weights():
    """Fetched once into the folder of the models; other processes wait."""
    folder = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models")) / ".backbones"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        try:
            return fetch_weights("efficientnet-lite0", folder)
        except FetchFailed as fault:
            return unavailable(str(fault))


@pytest.mark.model
def test_lite0_is_the_model_that_serves(lite0_weights):
    models = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    if not (models / "efficientnet-lite0" / "record.json").exists():
        unavailable("efficientnet-lite0 was not pulled: run `make models`")
    backbone = build_backbone("efficientnet-lite0", weights=lite0_weights).eval()
    with open_encoder("efficientnet-lite0", models=models) as encoder:
        batch = np.stack([transform(np.asarray(photo(seed=seed)), encoder.preprocessing) for seed in range(3)])
        served = encoder.descriptors(batch)
    with torch.no_grad():
        ours = backbone(torch.from_numpy(batch)).numpy()
    cosines = np.sum(served * ours, axis=1) / (np.linalg.norm(served, axis=1) * np.linalg.norm(ours, axis=1))
    assert cosines.min() > 0.9999
    assert np.abs(served - ours).max() < 1e-3
