"""TFLite to ONNX: each operator that OpenVINO gives for a TFLite file is written down as what it computes."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lookalike.embedding.conversion import UnsupportedOperator, tflite
from lookalike.embedding.runtimes.openvino import import_openvino
from lookalike.errors import ModelRefused

openvino = import_openvino()
ops = openvino.opset13


def same(tensor, *, into):
    """Checks that a graph over one [1, 6, 8, 8] input computes the same as ONNX; returns what it computes."""
    model = openvino.Model([tensor], [into])
    batch = np.random.default_rng(0).normal(size=(1, 6, 8, 8)).astype(np.float32)
    expected = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([batch])[0]
    return model, batch, expected


def written(monkeypatch, model, batch):
    monkeypatch.setattr(tflite, "cut_tflite", lambda *_, **__: model)
    content = tflite.read_tflite(Path("model.tflite"), output="").SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: batch})[0]


def weights(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def constant(values, kind=None):
    return ops.constant(np.asarray(values, kind))


OPERATORS = {
    "convolution with uneven padding": lambda x: ops.convolution(
        x, constant(weights(4, 6, 3, 3)), [2, 2], [0, 0], [1, 1], [1, 1]
    ),
    "dilated convolution": lambda x: ops.convolution(x, constant(weights(4, 6, 3, 3)), [1, 1], [2, 2], [2, 2], [2, 2]),
    "depthwise convolution": lambda x: ops.group_convolution(
        x, constant(weights(6, 2, 1, 3, 3)), [1, 1], [1, 1], [1, 1], [1, 1]
    ),
    "addition, subtraction, product, quotient": lambda x: ops.divide(
        ops.multiply(ops.subtract(ops.add(x, x), constant(weights(1, 6, 1, 1))), x), constant(np.float32(3))
    ),
    "clamp": lambda x: ops.clamp(x, 0.0, 1.5),
    "relu": ops.relu,
    "prelu": lambda x: ops.prelu(x, constant(weights(6))),
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "hard swish": ops.hswish,
    "swish": ops.swish,
    "swish with a slope": lambda x: ops.swish(x, constant(np.float32(2))),
    "average pool": lambda x: ops.avg_pool(x, [2, 2], [1, 1], [1, 1], [3, 3], exclude_pad=True),
    "average pool that counts its padding": lambda x: ops.avg_pool(
        x, [2, 2], [1, 1], [1, 1], [3, 3], exclude_pad=False
    ),
    "max pool": lambda x: ops.max_pool(x, [2, 2], [1, 1], [0, 0], [1, 1], [3, 3]).output(0),
    "mean over places": lambda x: ops.reduce_mean(x, constant([2, 3], np.int64), keep_dims=False),
    "mean that keeps its axes": lambda x: ops.reduce_mean(x, constant([1], np.int64), keep_dims=True),
    "reshape": lambda x: ops.reshape(x, constant([1, -1], np.int64), special_zero=False),
    "reshape that copies an axis": lambda x: ops.reshape(x, constant([0, 6, 64], np.int64), special_zero=True),
    "transpose": lambda x: ops.transpose(x, constant([0, 2, 3, 1], np.int64)),
    "squeeze": lambda x: ops.squeeze(x, constant([0], np.int64)),
    "matrix product": lambda x: ops.matmul(x, constant(weights(8, 5)), transpose_a=False, transpose_b=False),
    "matrix product, both sides turned": lambda x: ops.matmul(
        x, constant(weights(5, 8)), transpose_a=True, transpose_b=True
    ),
    "softmax": lambda x: ops.softmax(x, 1),
    "concatenation": lambda x: ops.concat([x, x], 1),
    "a cast there and back": lambda x: ops.convert(ops.convert(x, "i32"), "f32"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_written_down_as_what_it_computes(monkeypatch, name):
    image = ops.parameter([1, 6, 8, 8], np.float32, "image")
    model, batch, expected = same(OPERATORS[name](image), into=image)
    np.testing.assert_allclose(written(monkeypatch, model, batch), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        ops.erf,
        lambda x: ops.max_pool(x, [1, 1], [1, 1], [0, 0], [0, 0], [3, 3], index_element_type="i32").output(1),
        lambda x: ops.reshape(x, ops.shape_of(x), special_zero=False),
    ],
)
def test_other_operators_are_left_to_openvino(monkeypatch, build):
    image = ops.parameter([1, 6, 8, 8], np.float32, "image")
    model, batch, _ = same(build(image), into=image)
    with pytest.raises(UnsupportedOperator):
        written(monkeypatch, model, batch)


def test_a_file_that_is_not_tflite_is_refused(tmp_path):
    file = tmp_path / "picture.tflite"
    file.write_bytes(b"GIF89a" * 10)
    with pytest.raises(ModelRefused, match=r"picture\.tflite: not a TFLite file"):
        tflite.read_tflite(file, output="")
