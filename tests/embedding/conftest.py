"""What the embedding tests share: graphs of a few kilobytes, pictures as model input, and the real models."""

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lookalike.embedding import (
    import_model,
    pull,
    registry,
)
from tiny_model import write_tiny_model

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def tiny(models, tmp_path):
    """The tiny model, imported; its models folder."""
    import_model(write_tiny_model(tmp_path / "tiny"), models=models)
    return models


@pytest.fixture(scope="session")
def images():
    """A function: n inputs of a side, smooth with some noise, as a model would see photos."""

    def make(count, size=32, seed=0):
        chance = np.random.default_rng(seed)
        coarse = chance.normal(size=(count, 3, size // 8, size // 8))
        smooth = np.kron(coarse, np.ones((1, 1, 8, 8)))
        return (smooth + 0.3 * chance.normal(size=smooth.shape)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def graph_file():
    """A function: saves an ONNX file of one image input from nodes and constants."""

    def save(path, nodes, constants, *, outputs, inputs=None, opset=17):
        inputs = inputs or [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 32, 32])]
        outputs = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
        initializers = [numpy_helper.from_array(values, name) for name, values in constants.items()]
        graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
        return path

    return save


@pytest.fixture(scope="session")
def real_models():
    """The folder of pulled models; skips where they were not pulled, and fails in CI."""
    folder = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    missing = [name for name in ("clip-vit-b16", "efficientnet-lite0") if not (folder / name / "record.json").exists()]
    if missing:
        message = f"{', '.join(missing)} not in {folder}: run `make models`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    pull("lookalike-small", models=folder)  # it lies in the package
    return folder


@pytest.fixture
def source(tmp_path):
    """The tiny model's files, not imported yet."""
    return write_tiny_model(tmp_path / "source")


@pytest.fixture
def shipped(tmp_path, monkeypatch, source):
    """A model as lookalike ships them: described in the package, its file elsewhere. Returns that file."""
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    text = source.with_suffix(".toml").read_text().replace('name = "tiny"', 'name = "shipped"')
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    text += f'[source]\nkind = "file"\npath = "{source}"\nsha256 = "{digest}"\n'
    (packaged / "shipped.toml").write_text("dimension = 32\n" + text)
    monkeypatch.setattr(registry, "PACKAGED", packaged)
    return source
