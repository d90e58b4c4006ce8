"""A trained network serves without torch what it learnt, or is refused."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lookalike.embedding import Projection, describe_models, fit_projection, open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.errors import ModelRefused, TrainingRefused
from lookalike.preprocessing import Preprocessing
from lookalike.training.network.backbones import BACKBONES, Embedder, ProjectionHead, build_backbone
from lookalike.training.network.exporting import (
    ExportedAs,
    ParityLimits,
    descriptors_of,
    export_model,
    to_onnx,
)

SEEN = Preprocessing(size=32, fit="pad", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
MINE = ExportedAs(name="mine", summary='learnt "here"', licence="Apache-2.0", preprocessing=SEEN)


def pictures(count=24, size=32, seed=0):
    chance = np.random.default_rng(seed)
    coarse = chance.normal(size=(count, 3, size // 8, size // 8))
    return np.kron(coarse, np.ones((1, 1, 8, 8))).astype(np.float32)


def network(seed=0):
    """Small, with batch normalisation whose statistics are not those of a fresh one."""
    torch.manual_seed(seed)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, stride=4),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 2, stride=2),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(128, 24),
    )
    for part in layers.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)
    return layers


def exported(folder, model, as_=MINE, shown=None, **options):
    shown = pictures() if shown is None else shown
    return export_model(model, as_, shown, files=folder / "run", models=folder / "models", **options)


def test_what_serves_is_what_was_trained(tmp_path):
    model = network().train()
    done = exported(tmp_path, model)
    assert model.training
    assert done.status.pulled
    assert (done.status.description.name, done.status.description.summary) == ("mine", 'learnt "here"')
    assert done.parity.pictures == 24
    assert done.parity.recall == 1
    assert done.parity.least_cosine > 0.99999
    fresh = pictures(5, seed=9)
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        assert encoder.preprocessing == SEEN
        served = encoder.encode(fresh)
        assert np.array_equal(served[:1], encoder.encode(fresh[:1]))
    assert np.allclose(served, to_vectors(descriptors_of(model.eval(), fresh), None), atol=1e-3)


def test_a_projection_is_part_of_what_serves_and_of_its_fingerprint(tmp_path):
    model = network().eval()
    projection = fit_projection(descriptors_of(model, pictures(60)), dimension=8)
    plain = exported(tmp_path, model)
    done = exported(tmp_path, model, replace(MINE, projection=projection))
    assert done.status.fingerprint != plain.status.fingerprint
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        assert encoder.dimension == 8
        assert np.allclose(
            encoder.encode(pictures()), to_vectors(descriptors_of(model, pictures()), projection), atol=1e-3
        )


def test_batch_normalisation_is_folded_into_one_file_for_any_number_of_pictures():
    graph = onnx.load_from_string(to_onnx(network().eval(), size=32)).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "images"


@pytest.mark.parametrize("name", ["efficientnet-lite0", "resnet18-small"])
def test_a_backbone_with_a_head_can_be_exported(tmp_path, name):
    shown = pictures(6, size=64)
    model = Embedder(build_backbone(name, weights=None), ProjectionHead(BACKBONES[name].dimension, 16, hidden=32))
    with torch.no_grad():
        model.train()(torch.from_numpy(shown))  # statistics of batch normalisation that fit the pictures
    as_ = replace(MINE, preprocessing=replace(SEEN, size=64))
    done = exported(tmp_path, model, as_, shown)
    assert (done.status.description.dimension, done.parity.recall) == (16, 1)


@pytest.mark.parametrize(("weights", "share"), [("float16", 0.6), ("int8", 0.35)])
def test_weights_stored_in_fewer_bits_make_smaller_files_that_are_measured(tmp_path, weights, share):
    whole = exported(tmp_path, network())
    small = exported(tmp_path, network(), replace(MINE, name="small", weights=weights))
    sizes = [(tmp_path / "run" / f"{name}.onnx").stat().st_size for name in ("mine", "small")]
    assert sizes[1] < share * sizes[0] + 4_000
    assert whole.parity.least_cosine > small.parity.least_cosine > 0.98


def test_what_is_too_far_is_refused_and_the_model_of_before_stays(tmp_path):
    before = exported(tmp_path, network(1)).status
    strict = ParityLimits(most_error=0, least_cosine=1, recall=1)
    with pytest.raises(ModelRefused, match=r"differs too much.*limit 0\).*24 pictures"):
        exported(tmp_path, network(2), replace(MINE, weights="int8"), limits=strict)
    (after,) = (status for status in describe_models(tmp_path / "models") if status.description.name == "mine")
    assert after.fingerprint == before.fingerprint
    assert exported(tmp_path, network(2)).status.fingerprint != before.fingerprint


def test_what_cannot_be_exported_is_said(tmp_path):
    with pytest.raises(TrainingRefused, match="at least 2"):
        exported(tmp_path, network(), shown=pictures(1))
    with pytest.raises(TrainingRefused, match=r"\[3, 32, 32\]"):
        exported(tmp_path, network(), shown=pictures(size=64))
    with pytest.raises(ModelRefused, match="included in lookalike"):
        exported(tmp_path, network(), replace(MINE, name="clip-vit-b16"))
    with pytest.raises(ModelRefused, match="use 1 to 64"):
        exported(tmp_path, network(), replace(MINE, name="../mine"))

    class Odd(torch.nn.Module):
        def forward(self, batch):
            return torch.special.bessel_j0(batch.flatten(1))

    with pytest.raises(ModelRefused, match="cannot be written as ONNX"):
        exported(tmp_path, Odd())
    wrong = Projection(
        mean=np.zeros(3, np.float32), matrix=np.eye(3, dtype=np.float32), reference_cosines=np.zeros(0, np.float32)
    )
    with pytest.raises(ModelRefused, match="the projection takes 3"):
        exported(tmp_path, network(), replace(MINE, projection=wrong))
    assert not list((tmp_path / "models").glob("[!.]*"))


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np
from pathlib import Path
from lookalike.embedding import open_encoder
with open_encoder("mine", models=Path(sys.argv[1]), runtime=sys.argv[2]) as encoder:
    np.save(sys.argv[3], encoder.encode(np.load(sys.argv[4])))
assert sys.modules["torch"] is None
"""


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_it_serves_where_there_is_no_torch(tmp_path, runtime):
    model = network().eval()
    exported(tmp_path, model)
    np.save(tmp_path / "pictures.npy", pictures())
    command = [tmp_path / "models", runtime, tmp_path / "vectors.npy", tmp_path / "pictures.npy"]
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *map(str, command)], check=True)
    served = np.load(tmp_path / "vectors.npy")
    assert np.allclose(served, to_vectors(descriptors_of(model, pictures()), None), atol=1e-3)
