"""Weights out of an ONNX graph that still has the names of the network it was written from.

So a vision transformer can be trained further where its weights are to be had as a packaged model alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from lookalike.errors import TrainingRefused

_PRODUCT = "/MatMul_output_0"
_OUTPUTS = {"image_embeds": "visual_projection"}  # an output of the graph is called so, whatever layer makes it


def weights_of_graph(file: Path) -> dict[str, Tensor]:
    """Name -> float32 weight. Weights stored as integers are de-quantised, as the served model does.

    Biases and the like have kept their names. A linear layer's matrix has lost its name but not its place: it is a
    factor of the product `/a/b/c/MatMul`, and becomes `a.b.c.weight`, [outputs, inputs].

    Raises:
        TrainingRefused: there is no such file, or it is no ONNX graph.
    """
    try:
        graph = onnx.load(file).graph
    except Exception as fault:  # noqa: BLE001 - protobuf's errors have no public base
        raise TrainingRefused(f"{file}: not a readable ONNX file: {fault}") from None
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found = {name: numpy_helper.to_array(tensor) for name, tensor in constants.items() if _is_path(name)}
    found |= dict(_matrices(graph, constants))
    return {name: torch.from_numpy(np.array(values, np.float32)) for name, values in found.items()}


def _is_path(name: str) -> bool:
    return "." in name and ":" not in name and not name.startswith("lookalike.")


def _matrices(graph: Any, constants: dict[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    made_by = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        layer = _layer(node)
        if layer is None:
            continue
        factor = node.input[1]
        if factor in constants:
            matrix = numpy_helper.to_array(constants[factor])
        elif factor in made_by and made_by[factor].op_type == "DequantizeLinear":
            matrix = _dequantised(made_by[factor], constants)
        else:
            continue  # a product of two activations
        yield f"{layer}.weight", matrix.T


def _layer(node: Any) -> str | None:
    """The layer whose product a node is; None where it is none's."""
    output = node.output[0]
    if node.op_type != "MatMul":
        return None
    if output.startswith("/") and output.endswith(_PRODUCT):
        return str(output.removeprefix("/").removesuffix(_PRODUCT).replace("/", "."))
    return _OUTPUTS.get(output)


def _dequantised(node: Any, constants: dict[str, Any]) -> NDArray[np.float32]:
    """[inputs, outputs]; with a scale for each output, or one for all."""
    levels, scale, *zero = (numpy_helper.to_array(constants[name]) for name in node.input)
    shift = zero[0].astype(np.float32) if zero else np.float32(0)
    matrix: NDArray[np.float32] = (levels.astype(np.float32) - shift) * scale
    return matrix
