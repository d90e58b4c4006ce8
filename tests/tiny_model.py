"""Real ONNX models of a few kilobytes, for tests that start the program: no download, milliseconds an image."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAME = "tiny"
LABELS = ("red", "green", "blue")


def write_tiny_model(folder: Path, *, name: str = NAME, dimension: int = 32) -> Path:
    """`tiny.onnx` and `tiny.toml`: a 4 x 4 colour grid, rotated into a few dimensions."""
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(48, 48)))[0][:, :dimension].astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["image_in"], ["grid"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["grid"], ["flat"]),
            helper.make_node("MatMul", ["flat", "rotation"], ["vector"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image_in", TensorProto.FLOAT, ["images", 3, 32, 32])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["images", dimension])],
        [numpy_helper.from_array(rotation, "rotation")],
    )
    return _written(graph, folder, name, output="vector")


def write_tiny_classifier(
    folder: Path, *, name: str = "colours", scores: str = "softmax", labels=LABELS, more=""
) -> Path:
    """`colours.onnx` and `colours.toml`: which of red, green and blue a picture has most of, as a classifier."""
    weights = (8 * np.eye(3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image_in"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "colours",
        [helper.make_tensor_value_info("image_in", TensorProto.FLOAT, ["images", 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["images", 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    names = ", ".join(f'"{label}"' for label in labels)
    return _written(
        graph, folder, name, "logits", more=f'[classifier]\nlabels = [{names}]\nscores = "{scores}"\n{more}'
    )


def _written(graph, folder: Path, name: str, output: str, *, more: str = "") -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / f"{name}.onnx")
    (folder / f"{name}.toml").write_text(
        f"""
name = "{name}"
summary = "for tests"
licence = "CC0-1.0"
[preprocessing]
size = 32
fit = "squash"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[graph]
input = "image_in"
output = "{output}"
{more}"""
    )
    return folder / f"{name}.onnx"
