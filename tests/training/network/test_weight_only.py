import numpy as np
import onnx
import torch

from lookalike.training.network.exporting import (
    to_onnx,
)


def test_stored_weights_are_rounded_by_the_channel():
    content = to_onnx(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3_072, 4)).eval(), size=32)
    from lookalike.training.network.weight_only import store_weights

    graph = onnx.load_from_string(store_weights(content, "int8")).graph
    (node,) = (node for node in graph.node if node.op_type == "DequantizeLinear")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    levels, scales = (constants[name] for name in node.input)
    (axis,) = (attribute.i for attribute in node.attribute if attribute.name == "axis")
    before = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(content).graph.initializer
    }
    (wanted,) = (values for values in before.values() if values.ndim == 2)
    shape = [1, 1]
    shape[axis] = 4
    error = np.abs(levels.astype(np.float32) * scales.reshape(shape) - wanted)
    assert levels.dtype == np.int8
    assert (error <= scales.reshape(shape) / 2 * 1.0001).all()
