"""Storing the weights of an ONNX file in fewer bits; computation stays in float32."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WeightPrecision: TypeAlias = Literal["float32", "float16", "int8"]

_FEWEST = 1_024  # values of a tensor below which nothing is to be saved
_LEVELS = 127


def store_weights(content: bytes, precision: WeightPrecision) -> bytes:
    """The same graph with the matrices and kernels of its products stored in another precision.

    `float16` rounds each. `int8` is symmetric, with a scale for each output channel. Biases and all else that is not a
    factor of a convolution or matrix product stay float32.

    Args:
        content: a serialised `onnx.ModelProto` in float32.
        precision: of the stored weights.
    """
    if precision == "float32":
        return content
    model = onnx.load_from_string(content)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    restored = []
    for name, axis in dict(_weights(model.graph, constants)).items():
        values = numpy_helper.to_array(constants[name])
        stored = f"{name}.stored"
        if precision == "float16":
            constants[name].CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
            restored.append(helper.make_node("Cast", [stored], [name], name=name, to=TensorProto.FLOAT))
            continue
        levels, scales = _quantised(values, axis)
        constants[name].CopyFrom(numpy_helper.from_array(levels, stored))
        model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
        restored.append(helper.make_node("DequantizeLinear", [stored, f"{name}.scales"], [name], name=name, axis=axis))
    nodes = [*restored, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def _weights(graph: Any, constants: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Each large constant factor of a product, and the axis of its output channels."""
    for node in graph.node:
        if node.op_type not in {"Conv", "MatMul", "Gemm"} or node.input[1] not in constants:
            continue
        tensor = constants[node.input[1]]
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FEWEST:
            continue
        turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        outputs_first = node.op_type == "Conv" or turned
        yield node.input[1], 0 if outputs_first else len(tensor.dims) - 1


def _quantised(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Levels of -127 to 127 and the scale of each channel along `axis`."""
    others = tuple(number for number in range(values.ndim) if number != axis)
    scales = np.abs(values).max(axis=others, keepdims=True) / _LEVELS
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    levels = np.clip(np.rint(values / scales), -_LEVELS, _LEVELS).astype(np.int8)
    return levels, scales.reshape(-1)
