import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike.embedding import open_encoder
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import transform
from lookalike.training.network.backbones import (
    VisionTransformer,
    build_backbone,
    fetch_weights,
)
from lookalike.training.network.backbones.graph_weights import weights_of_graph
from lookalike.training.network.exporting import descriptors_of, to_onnx
from pictures import photo
from training.network.backbones.tiny_transformers import tiny
from training.network.backbones.token_regions import TokenRegions

PROJECT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def pulled():
    folder = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    if not (folder / "clip-vit-b16" / "record.json").exists():
        message = "clip-vit-b16 was not pulled: run `make models`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.mark.model
def test_the_packaged_clip_can_be_trained_further(pulled):
    file = fetch_weights("clip-vit-b16", pulled)
    backbone = build_backbone("clip-vit-b16", weights=file).eval()
    with open_encoder("clip-vit-b16", models=pulled, runtime="onnxruntime") as encoder:
        shown = np.stack([transform(np.asarray(photo(seed=seed)), encoder.preprocessing) for seed in range(2)])
        served = encoder.descriptors(shown)
    assert isinstance(backbone, VisionTransformer)
    described = descriptors_of(TokenRegions(backbone).eval(), shown)
    assert np.abs(described - served).max() < 1e-3
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # the default rounds activations to int8
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(["image_embeds"], {session.get_inputs()[0].name: shown})
    assert np.allclose(descriptors_of(backbone, shown), wanted, atol=5e-3)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_weights_come_back_out_of_an_exported_graph(tmp_path, precision):
    network = tiny("clip-vit")
    (tmp_path / "clip.onnx").write_bytes(to_onnx(network.eval(), size=32, weights=precision))
    found = weights_of_graph(tmp_path / "clip.onnx")
    state = network.state_dict()
    matrices = [name for name in state if name.endswith(("proj.weight", "fc1.weight", "fc2.weight"))]
    assert len(matrices) == 12
    for name in matrices:
        error = (found[name] - state[name]).abs().max()
        assert error <= state[name].abs().max() * (0.005 if precision == "int8" else 1e-6)


def test_a_graph_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.onnx").write_bytes(to_onnx(torch.nn.Flatten(), size=32))
    with pytest.raises(TrainingRefused, match=r"other.onnx: not the weights of vit-tiny"):
        build_backbone("vit-tiny", weights=tmp_path / "other.onnx")
    (tmp_path / "other.onnx").write_bytes(b"no graph")
    for file in ("other.onnx", "missing.onnx"):
        with pytest.raises(TrainingRefused, match=f"{file}: not a readable ONNX file"):
            build_backbone("vit-tiny", weights=tmp_path / file)
