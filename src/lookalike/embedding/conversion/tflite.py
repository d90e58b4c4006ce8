"""TFLite to ONNX, so that both runtimes read one canonical graph.

OpenVINO reads TFLite and gives it plain NCHW operators; the ones that image models are made of are written down as
ONNX one by one. A file with another operator stays TFLite and is left to OpenVINO.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lookalike.embedding.runtimes.openvino import import_openvino
from lookalike.errors import ModelRefused

_OPSET = 17
_IR_VERSION = 8

Operation: TypeAlias = Any
Writer: TypeAlias = "Callable[[_Graph, Operation, list[str], dict[str, Any]], str]"


class UnsupportedOperator(ModelRefused):
    """The file uses an operator that has no ONNX form here."""


class _Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{operator}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: Any) -> str:
        name = f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name


def read_tflite(file: Path, *, output: str) -> Any:
    """The graph of a TFLite file up to one tensor, as an ONNX model.

    Args:
        file: the TFLite file.
        output: name of the tensor to end at; empty for the file's only output.

    Returns:
        An `onnx.ModelProto` whose input has the name and layout of the file's.

    Raises:
        UnsupportedOperator: an operator has no ONNX form here.
        ModelRefused: not a TFLite file, or no such tensor.
    """
    source = cut_tflite(file, output=output)
    graph = _Graph()
    names: dict[str, str] = {}
    for operation in source.get_ordered_ops():
        kind = operation.get_type_name()
        sources = [port.get_source_output() for port in operation.inputs()]
        if kind not in _WRITERS or any(port.get_index() != 0 for port in sources):
            raise UnsupportedOperator(f"{file}: the operator {kind} has no ONNX form here")
        inputs = [names[port.get_node().get_friendly_name()] for port in sources]
        attributes = {} if kind == "Constant" else operation.get_attributes()
        names[operation.get_friendly_name()] = _WRITERS[kind](graph, operation, inputs, attributes)
    (result,) = source.get_results()
    shape = _shape(result.get_output_partial_shape(0))
    return _model(graph, helper.make_tensor_value_info(names[result.get_friendly_name()], TensorProto.FLOAT, shape))


def cut_tflite(file: Path, *, output: str) -> Any:
    """The file as an `openvino.Model` that ends at one tensor; read_tflite says the arguments and the errors."""
    openvino = import_openvino()
    try:
        model = openvino.Core().read_model(file)
    except RuntimeError as error:
        raise ModelRefused(f"{file}: not a TFLite file that OpenVINO can read: {error}") from None
    ports = [port for operation in model.get_ordered_ops() for port in operation.outputs()]
    if output:
        found = [port for port in ports if output in port.get_names()]
    else:
        found = [result.input_value(0) for result in model.get_results()]
    if len(found) != 1:
        known = sorted(name for result in model.get_results() for name in result.input_value(0).get_names())
        raise ModelRefused(f"{file}: graph.output {output!r} is not one tensor; the outputs are {', '.join(known)}")
    return openvino.Model([found[0]], model.get_parameters())


def _model(graph: _Graph, output: Any) -> Any:
    proto = helper.make_graph(graph.nodes, "from-tflite", graph.inputs, [output], graph.constants)
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _shape(partial: Any) -> list[int | None]:
    return [dim.get_length() if dim.is_static else None for dim in partial]


def _parameter(graph: _Graph, operation: Operation, _inputs: list[str], _attributes: dict[str, Any]) -> str:
    shape = _shape(operation.get_output_partial_shape(0))
    name = min(operation.output(0).get_names(), default=operation.get_friendly_name())
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(operation.get_output_element_type(0).to_dtype()))
    graph.inputs.append(helper.make_tensor_value_info(name, kind, shape))
    return str(name)


def _constant(graph: _Graph, operation: Operation, _inputs: list[str], _attributes: dict[str, Any]) -> str:
    return graph.constant(operation.get_data().copy())


def _same(operator: str) -> Writer:
    """An operator that both formats have, with the same inputs and no attributes that matter."""
    return lambda graph, _operation, inputs, _attributes: graph.add(operator, inputs)


def _transpose(graph: _Graph, operation: Operation, inputs: list[str], _attributes: dict[str, Any]) -> str:
    return graph.add("Transpose", inputs[:1], perm=[int(axis) for axis in _values(operation, 1)])


def _window(attributes: dict[str, Any]) -> dict[str, Any]:
    pads = [*attributes["pads_begin"], *attributes["pads_end"]]
    return {"strides": list(attributes["strides"]), "pads": [int(pad) for pad in pads]}


def _convolution(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    return graph.add("Conv", inputs, dilations=list(attributes["dilations"]), **_window(attributes))


def _group_convolution(graph: _Graph, operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    weights = _values(operation, 1)  # [groups, out / groups, in / groups, height, width]
    merged = weights.reshape(weights.shape[0] * weights.shape[1], *weights.shape[2:])
    dilations = list(attributes["dilations"])
    inputs = [inputs[0], graph.constant(merged.copy())]
    return graph.add("Conv", inputs, group=weights.shape[0], dilations=dilations, **_window(attributes))


def _average_pool(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    return graph.add(
        "AveragePool",
        inputs,
        kernel_shape=list(attributes["kernel"]),
        count_include_pad=int(not attributes["exclude-pad"]),
        ceil_mode=int(attributes["rounding_type"].startswith("ceil")),
        **_window(attributes),
    )


def _max_pool(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    ceil = int(attributes["rounding_type"].startswith("ceil"))
    return graph.add("MaxPool", inputs, kernel_shape=list(attributes["kernel"]), ceil_mode=ceil, **_window(attributes))


def _clamp(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    bounds = [graph.constant(np.float32(attributes[key])) for key in ("min", "max")]
    return graph.add("Clip", [inputs[0], *bounds])


def _reshape(graph: _Graph, operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    shape = _values(operation, 1).astype(np.int64)
    return graph.add("Reshape", [inputs[0], graph.constant(shape)], allowzero=int(not attributes["special_zero"]))


def _reduce_mean(graph: _Graph, operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    axes = [int(axis) for axis in np.ravel(_values(operation, 1))]
    return graph.add("ReduceMean", inputs[:1], axes=axes, keepdims=int(attributes["keep_dims"]))


def _squeeze(graph: _Graph, operation: Operation, inputs: list[str], _attributes: dict[str, Any]) -> str:
    axes = [graph.constant(np.ravel(_values(operation, 1)).astype(np.int64))] if len(inputs) > 1 else []
    return graph.add("Squeeze", [inputs[0], *axes])


def _matrix_product(graph: _Graph, operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    sides = []
    for number, key in enumerate(("transpose_a", "transpose_b")):
        rank = len(operation.input(number).get_partial_shape())
        order = [*range(rank - 2), rank - 1, rank - 2]
        sides.append(graph.add("Transpose", [inputs[number]], perm=order) if attributes[key] else inputs[number])
    return graph.add("MatMul", sides)


def _softmax(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    return graph.add("Softmax", inputs, axis=int(attributes["axis"]))


def _concat(graph: _Graph, _operation: Operation, inputs: list[str], attributes: dict[str, Any]) -> str:
    return graph.add("Concat", inputs, axis=int(attributes["axis"]))


def _swish(graph: _Graph, _operation: Operation, inputs: list[str], _attributes: dict[str, Any]) -> str:
    gate = graph.add("Mul", inputs) if len(inputs) > 1 else inputs[0]  # the second input is the slope
    return graph.add("Mul", [inputs[0], graph.add("Sigmoid", [gate])])


def _prelu(graph: _Graph, operation: Operation, inputs: list[str], _attributes: dict[str, Any]) -> str:
    slopes = _values(operation, 1)
    if slopes.ndim == 1:  # one a channel, and channels come second
        slopes = slopes.reshape(-1, *[1] * (len(operation.input(0).get_partial_shape()) - 2))
    return graph.add("PRelu", [inputs[0], graph.constant(slopes.copy())])


def _convert(graph: _Graph, operation: Operation, inputs: list[str], _attributes: dict[str, Any]) -> str:
    kind = np.dtype(operation.get_output_element_type(0).to_dtype())
    return graph.add("Cast", inputs, to=helper.np_dtype_to_tensor_dtype(kind))


def _values(operation: Operation, number: int) -> Any:
    """The constant that an operation reads as its input of that number."""
    node = operation.input_value(number).get_node()
    if node.get_type_name() != "Constant":
        kind = operation.get_type_name()
        raise UnsupportedOperator(f"the operator {kind} with a computed parameter has no ONNX form here")
    return node.get_data()


_WRITERS: dict[str, Writer] = {
    "Parameter": _parameter,
    "Result": _same("Identity"),
    "Constant": _constant,
    "Transpose": _transpose,
    "Convolution": _convolution,
    "GroupConvolution": _group_convolution,
    "Add": _same("Add"),
    "Subtract": _same("Sub"),
    "Multiply": _same("Mul"),
    "Divide": _same("Div"),
    "Relu": _same("Relu"),
    "PRelu": _prelu,
    "Sigmoid": _same("Sigmoid"),
    "Tanh": _same("Tanh"),
    "HSwish": _same("HardSwish"),
    "Clamp": _clamp,
    "Swish": _swish,
    "AvgPool": _average_pool,
    "MaxPool": _max_pool,
    "ReduceMean": _reduce_mean,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "MatMul": _matrix_product,
    "Softmax": _softmax,
    "Concat": _concat,
    "Convert": _convert,
}
