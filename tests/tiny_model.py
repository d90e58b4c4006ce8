"""A real ONNX model of a few kilobytes, for tests that start the program: no download, milliseconds an image."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAME = "tiny"


def write_tiny_model(folder: Path) -> Path:
    """`tiny.onnx` and `tiny.toml`: a 4 x 4 colour grid, rotated into 32 dimensions."""
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(48, 48)))[0][:, :32].astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["image_in"], ["grid"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["grid"], ["flat"]),
            helper.make_node("MatMul", ["flat", "rotation"], ["vector"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image_in", TensorProto.FLOAT, ["images", 3, 32, 32])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["images", 32])],
        [numpy_helper.from_array(rotation, "rotation")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / f"{NAME}.onnx")
    (folder / f"{NAME}.toml").write_text(
        """
name = "tiny"
summary = "for tests"
licence = "CC0-1.0"
[preprocessing]
size = 32
fit = "squash"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[graph]
input = "image_in"
output = "vector"
"""
    )
    return folder / f"{NAME}.onnx"
