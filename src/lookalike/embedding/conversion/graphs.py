"""Edits of ONNX graphs: cut at a tensor, weight-only quantisation, one way in, one descriptor out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnx.compose
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lookalike.embedding.descriptions import Layout, Pooling
from lookalike.errors import ModelRefused

INPUT = "pixels"
"""Name of a converted graph's input: [images, 3, size, size] float32."""

DESCRIPTOR = "descriptor"
"""Name of a converted graph's first output: [images, d] float32."""

_OURS, _EARLIER = "lookalike.", "earlier/"
_GROUP = ["DynamicQuantizeLinear", "Cast", "Mul", "Mul"]
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}

Model: TypeAlias = Any
Node: TypeAlias = Any


class GraphEditor:
    """Appends nodes to a model's graph under names that cannot clash, and knows who makes which tensor."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = model.graph
        self.opset = next((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), 0)
        self._count = 0

    def fresh(self, hint: str) -> str:
        """A tensor name that nothing else has."""
        self._count += 1
        return f"{_OURS}{hint}.{self._count}"

    def constant(self, values: NDArray[Any]) -> str:
        """Stores `values` in the graph and returns their name."""
        name = self.fresh("constant")
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Appends one node and returns the name of its output."""
        output = output or self.fresh(operator)
        self.graph.node.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def reduce(self, operator: str, tensor: str, axis: int) -> str:
        """`ReduceMean` and its like over one axis, which is kept: opset 18 moved the axes from attribute to input."""
        first_with_axes_as_input = 18
        if self.opset < first_with_axes_as_input:
            return self.add(operator, [tensor], axes=[axis], keepdims=1)
        return self.add(operator, [tensor, self.constant(np.array([axis], np.int64))], keepdims=1)

    def producers(self) -> dict[str, Node]:
        """The node that makes each tensor."""
        return {output: node for node in self.graph.node for output in node.output if output}

    def initializers(self) -> dict[str, Any]:
        """The graph's constants by name."""
        return {tensor.name: tensor for tensor in self.graph.initializer}

    def keep_only(self, outputs: Iterable[str]) -> None:
        """Removes every node and constant that `outputs` do not need."""
        producers, needed, kept = self.producers(), set[str](), set[tuple[str, ...]]()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if not name or name in needed:
                continue
            needed.add(name)
            node = producers.get(name)
            if node is not None and tuple(node.output) not in kept:
                kept.add(tuple(node.output))
                waiting.extend(_read_by(node))
        _replace(self.graph.node, [node for node in self.graph.node if tuple(node.output) in kept])
        _replace(self.graph.initializer, [tensor for tensor in self.graph.initializer if tensor.name in needed])
        del self.graph.value_info[:]


def _read_by(node: Node) -> list[str]:
    """The tensors a node reads, including those its sub-graphs (If, Loop) read from outside."""
    names = list(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                names.extend(_read_by(inner))
    return names


def _replace(field: Any, values: list[Any]) -> None:
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)


def without_our_names(model: Model) -> tuple[Model, str]:
    """A graph in which no tensor has a name that conversion gives: one that was converted before can be converted.

    Returns:
        The model, and what its names begin with now: nothing where none of them clashed.
    """
    editor = GraphEditor(model)
    names = {*editor.producers(), *editor.initializers(), *(value.name for value in model.graph.input)}
    if not any(name in {INPUT, DESCRIPTOR} or name.startswith(_OURS) for name in names):
        return model, ""
    return onnx.compose.add_prefix(model, _EARLIER), _EARLIER


def weight_only(editor: GraphEditor) -> int:
    """Replaces dynamic quantisation of activations by weights that are de-quantised: returns how many products.

    `DynamicQuantizeLinear -> MatMulInteger -> Cast -> Mul` takes its scale from the whole batch, so an image's vector
    would depend on its neighbours in the batch. `MatMul(x, DequantizeLinear(W))` has the same weights in the same
    bytes, and does not.

    Raises:
        ModelRefused: a dynamically quantised operator that does not have this shape.
    """
    producers, readers = editor.producers(), _readers(editor.graph)
    products = [node for node in editor.graph.node if node.op_type == "MatMulInteger"]
    replacements: dict[str, list[Node]] = {}
    for product in products:
        last, nodes = _weight_only_product(editor, product, producers, readers)
        replacements[last.output[0]] = nodes
    nodes = [new for node in editor.graph.node for new in replacements.get(node.output[0], [node])]
    _replace(editor.graph.node, nodes)
    editor.keep_only([output.name for output in editor.graph.output])
    left = {node.op_type for node in editor.graph.node} & {"DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"}
    if left:
        raise ModelRefused(
            f"the graph quantises activations by the batch ({', '.join(sorted(left))}), so vectors would depend on"
            " the batch; export it in float32, float16 or with weight-only quantisation"
        )
    return len(products)


def _readers(graph: Any) -> dict[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def _weight_only_product(
    editor: GraphEditor, product: Node, producers: dict[str, Node], readers: dict[str, list[Node]]
) -> tuple[Node, list[Node]]:
    """The last node of the group around one `MatMulInteger`, and the nodes that replace that last node."""
    try:
        quantise = producers[product.input[0]]
        (cast,) = readers[product.output[0]]
        (scaled,) = readers[cast.output[0]]
        (scales,) = (producers[name] for name in scaled.input if name != cast.output[0])
        (weight_scale,) = (name for name in scales.input if name != quantise.output[1])
        parameters = _weight_parameters(editor, product, weight_scale)
        known = [node.op_type for node in (quantise, cast, scaled, scales)] == _GROUP
    except (KeyError, ValueError, IndexError):
        known = False
    if not known:
        raise ModelRefused(
            f"{product.name or product.output[0]}: an integer matrix product with an unsupported shape;"
            " export the model in float32, float16 or with weight-only quantisation"
        )
    weights = editor.fresh("weights")
    return scaled, [
        helper.make_node("DequantizeLinear", [product.input[1], *parameters], [weights], name=weights, axis=1),
        helper.make_node("MatMul", [quantise.input[0], weights], [scaled.output[0]], name=scaled.output[0]),
    ]


def _weight_parameters(editor: GraphEditor, product: Node, scale: str) -> list[str]:
    """Names of the scale and zero point of a weight matrix [in, out]: one a column, or scalars."""
    constants = editor.initializers()
    weights = numpy_helper.to_array(constants[product.input[1]])
    scales = numpy_helper.to_array(constants[scale]).reshape(-1)
    has_zero_point = len(product.input) > 3 and bool(product.input[3])  # noqa: PLR2004 - ONNX: input 3 is b_zero_point
    zeros = (
        numpy_helper.to_array(constants[product.input[3]]).reshape(-1) if has_zero_point else np.zeros(1, weights.dtype)
    )
    if scales.size == 1 and zeros.size == 1:
        return [editor.constant(scales.reshape(())), editor.constant(zeros.reshape(()))]
    columns = weights.shape[1]
    return [editor.constant(np.broadcast_to(values, columns).copy()) for values in (scales, zeros)]


def rename_input(editor: GraphEditor, name: str, *, size: int, layout: Layout) -> None:
    """Converts the graph's input to `INPUT`, [images, 3, size, size] float32.

    Args:
        editor: of the graph.
        name: of the image tensor; empty for the only one.
        size: side of the image, pixels.
        layout: of the tensor before.

    Raises:
        ModelRefused: no such input, another input without a default, or a shape or type that images do not fit.
    """
    constants = editor.initializers()
    inputs = {value.name: value for value in editor.graph.input if value.name not in constants}
    value = _only(inputs, name, "input")
    others = sorted(set(inputs) - {value.name})
    if others:
        raise ModelRefused(f"the graph also needs the input {', '.join(others)}: only image models can be used")
    images = _images_dimension(value, size=size, layout=layout)
    kind = value.type.tensor_type.elem_type
    if kind not in _FLOATS:
        raise ModelRefused(f"input {value.name!r} is {_type_name(kind)}: only float32 and float16 inputs can be used")
    original, nodes = value.name, list(editor.graph.node)
    del editor.graph.node[:]
    tensor = INPUT
    if layout == "nhwc":
        tensor = editor.add("Transpose", [tensor], perm=[0, 2, 3, 1])
    if kind != TensorProto.FLOAT:
        tensor = editor.add("Cast", [tensor], to=kind)
    editor.add("Identity", [tensor], original)
    editor.graph.node.extend(nodes)
    del editor.graph.input[:]
    editor.graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [images, 3, size, size]))


def _only(values: dict[str, Any], name: str, what: str) -> Any:
    if name:
        if name not in values:
            raise ModelRefused(f"graph.{what}: no {what} is called {name!r}; there are {', '.join(sorted(values))}")
        return values[name]
    if len(values) != 1:
        raise ModelRefused(f"graph.{what}: name one of {', '.join(sorted(values))}")
    return next(iter(values.values()))


def _images_dimension(value: Any, *, size: int, layout: Layout) -> str | int:
    """1 where the input takes one image, a symbol where it takes any number."""
    shape = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in value.type.tensor_type.shape.dim]
    wanted = [3, size, size] if layout == "nchw" else [size, size, 3]
    fits = len(shape) == len(wanted) + 1 and all(
        have in {0, want} for have, want in zip(shape[1:], wanted, strict=True)
    )
    if not fits or shape[0] not in {0, 1}:
        raise ModelRefused(
            f"input {value.name!r} has the shape {shape} (0 is any): layout {layout!r} with preprocessing.size {size}"
            f" needs [images, {', '.join(map(str, wanted))}] with one image or any number"
        )
    return 1 if shape[0] == 1 else "images"


def _type_name(kind: int) -> str:
    return str(TensorProto.DataType.Name(kind)).lower()


def pool(editor: GraphEditor, tensor: str, pooling: Pooling) -> str:
    """Appends what makes [images, d] of `tensor`; returns the name of the result."""
    return POOLINGS[pooling](editor, tensor)


def _flatten(editor: GraphEditor, tensor: str) -> str:
    return editor.add("Flatten", [tensor], axis=1)


def _first_token(editor: GraphEditor, tensor: str) -> str:
    return editor.add("Gather", [tensor, editor.constant(np.array(0, np.int64))], axis=1)


def _mean_tokens(editor: GraphEditor, tensor: str) -> str:
    return _flatten(editor, editor.reduce("ReduceMean", tensor, 1))


def _mean_map(editor: GraphEditor, tensor: str) -> str:
    return _flatten(editor, editor.add("GlobalAveragePool", [tensor]))


POOLINGS: dict[str, Callable[[GraphEditor, str], str]] = {
    "none": _flatten,
    "first-token": _first_token,
    "mean-tokens": _mean_tokens,
    "mean-map": _mean_map,
}
"""How a tensor becomes one descriptor an image, by name. `regions` is in its own module: it has parameters."""


def set_outputs(editor: GraphEditor, descriptor: str, keep: Sequence[str]) -> None:
    """Makes `descriptor`, as float32 under the name `DESCRIPTOR`, and `keep` the only outputs."""
    outputs = {value.name: value for value in editor.graph.output}
    missing = sorted(set(keep) - set(outputs))
    if missing:
        raise ModelRefused(f"graph.keep: the file has no output called {', '.join(missing)}")
    editor.add("Cast", [descriptor], DESCRIPTOR, to=TensorProto.FLOAT)
    kept = [outputs[name] for name in keep]
    described = helper.make_tensor_value_info(DESCRIPTOR, TensorProto.FLOAT, ["images", None])
    _replace(editor.graph.output, [described, *kept])
    editor.keep_only([DESCRIPTOR, *keep])
