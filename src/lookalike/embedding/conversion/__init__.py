"""Model files as published to the one graph form that every runtime opens."""

from dataclasses import replace
from pathlib import Path

import onnx

from lookalike.embedding.conversion.graphs import (
    DESCRIPTOR,
    GraphEditor,
    pool,
    rename_input,
    set_outputs,
    weight_only,
    without_our_names,
)
from lookalike.embedding.conversion.regions import append_regions
from lookalike.embedding.conversion.tflite import UnsupportedOperator, read_tflite
from lookalike.embedding.descriptions import ModelDescription
from lookalike.errors import ModelRefused

__all__ = ["DESCRIPTOR", "UnsupportedOperator", "convert"]


def convert(weights: Path, description: ModelDescription) -> bytes:
    """The canonical graph: input `pixels` [images, 3, size, size], output `descriptor` [images, d], both float32.

    Args:
        weights: the model file as it was fetched or imported.
        description: of the model.

    Returns:
        A serialised `onnx.ModelProto`.

    Raises:
        UnsupportedOperator: a TFLite file that only OpenVINO can run.
        ModelRefused: the file is not what the description says.
    """
    graph = description.graph
    model = _read_onnx(weights) if graph.format == "onnx" else read_tflite(weights, output=graph.output)
    model, prefix = without_our_names(model)

    def prefixed(name: str) -> str:
        return prefix + name if name else ""

    editor = GraphEditor(model)
    weight_only(editor)
    rename_input(editor, prefixed(graph.input), size=description.preprocessing.size, layout=graph.layout)
    tensor = _descriptor_tensor(editor, prefixed(graph.output) if graph.format == "onnx" else "")
    if graph.regions is not None:
        weight, bias = prefix + graph.regions.norm_weight, prefix + graph.regions.norm_bias
        descriptor = append_regions(editor, tensor, replace(graph.regions, norm_weight=weight, norm_bias=bias))
    else:
        descriptor = pool(editor, tensor, graph.pooling)
    set_outputs(editor, descriptor, [prefixed(name) for name in graph.keep])
    _check(model, weights)
    return bytes(model.SerializeToString())


def _read_onnx(weights: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(weights, load_external_data=False)
    except Exception as error:  # noqa: BLE001 - protobuf's DecodeError has no stable home
        raise ModelRefused(f"{weights}: not an ONNX file: {error}") from None
    if not model.graph.node:
        raise ModelRefused(f"{weights}: not an ONNX file with a graph")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ModelRefused(f"{weights}: keeps its weights in another file; save the model as one file")
    return model


def _descriptor_tensor(editor: GraphEditor, name: str) -> str:
    if name:
        if name not in editor.producers():
            raise ModelRefused(f"graph.output: no tensor of the graph is called {name!r}")
        return name
    outputs = [value.name for value in editor.graph.output]
    if len(outputs) != 1:
        raise ModelRefused(f"graph.output: name one of {', '.join(sorted(outputs))}")
    return str(outputs[0])


def _check(model: onnx.ModelProto, weights: Path) -> None:
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelRefused(f"{weights}: the converted graph is not valid: {error}") from None
