"""Conversion to the canonical graph, checked against plain numpy on graphs of a few kilobytes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from embedding.conversion.described import HEAD
from lookalike.embedding import FileSource, read_description
from lookalike.embedding.conversion import convert
from lookalike.errors import ModelRefused

FLOAT = TensorProto.FLOAT


# -- weight-only quantisation


@pytest.fixture
def dynamic(tmp_path, graph_file):
    """A function: a file with one dynamically quantised product, and its float weights [48, 16]."""

    def save(*, per_column=True, zero_point=True):
        weights = np.random.default_rng(0).normal(size=(48, 16)).astype(np.float32)
        weights *= np.linspace(0.2, 3, 16, dtype=np.float32) if per_column else 1
        scale = np.atleast_1d(np.abs(weights).max(0 if per_column else None) / 127).astype(np.float32)
        quantised = np.round(weights / scale).astype(np.int8)
        if not per_column:
            scale = scale.reshape(())
        zeros = np.zeros(scale.shape, np.int8)
        nodes = [
            helper.make_node("AveragePool", ["image"], ["grid"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["grid"], ["flat"]),
            helper.make_node("DynamicQuantizeLinear", ["flat"], ["q", "q_scale", "q_zero"]),
            helper.make_node("Mul", ["q_scale", "w_scale"], ["scales"]),
            helper.make_node("MatMulInteger", ["q", "w", "q_zero", *(["w_zero"] if zero_point else [])], ["whole"]),
            helper.make_node("Cast", ["whole"], ["cast"], to=FLOAT),
            helper.make_node("Mul", ["cast", "scales"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["out"]),
        ]
        bias = np.arange(16, dtype=np.float32)
        constants = {"w": quantised, "w_scale": scale, "bias": bias} | ({"w_zero": zeros} if zero_point else {})
        file = graph_file(tmp_path / "dynamic.onnx", nodes, constants, outputs=[("out", FLOAT, ["n", 16])])
        return file, quantised * scale, bias

    return save


@pytest.mark.parametrize(("per_column", "zero_point"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_dynamically_quantised_product_becomes_one_that_the_batch_cannot_change(
    dynamic, converted, images, per_column, zero_point
):
    file, weights, bias = dynamic(per_column=per_column, zero_point=zero_point)
    batch = images(3)
    batch[2] *= 20  # a loud neighbour: it sets the scale of the whole batch in the original
    original = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert not np.array_equal(
        original.run(None, {"image": batch})[0][0], original.run(None, {"image": batch[:1]})[0][0]
    )

    run = converted(file)
    np.testing.assert_array_equal(run(batch)[0], run(batch[:1])[0])
    grid = batch.reshape(3, 3, 4, 8, 4, 8).mean((3, 5)).reshape(3, 48)
    np.testing.assert_allclose(run(batch), grid @ weights + bias, rtol=1e-4, atol=1e-3)


def test_an_integer_product_of_an_unknown_shape_is_refused(tmp_path, graph_file, converted):
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("DynamicQuantizeLinear", ["flat"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["out"], to=FLOAT),
    ]
    weights = {"w": np.ones((3072, 4), np.int8)}
    file = graph_file(tmp_path / "odd.onnx", nodes, weights, outputs=[("out", FLOAT, ["n", 4])])
    with pytest.raises(ModelRefused, match="integer matrix product"):
        converted(file)


# -- outputs and pooling


@pytest.fixture
def maps(tmp_path, graph_file):
    """A file with several things one may want: a map, tokens, and a vector behind both."""

    def save(opset=17):
        nodes = [
            helper.make_node("AveragePool", ["image"], ["map"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Reshape", ["map", "as_tokens"], ["columns"]),
            helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
            helper.make_node("Flatten", ["map"], ["flat"]),
            helper.make_node("Relu", ["flat"], ["vector"]),
        ]
        constants = {"as_tokens": np.array([-1, 3, 16])}
        outputs = [("vector", FLOAT, ["n", 48]), ("tokens", FLOAT, ["n", 16, 3])]
        return graph_file(tmp_path / "maps.onnx", nodes, constants, outputs=outputs, opset=opset)

    return save


@pytest.mark.parametrize("opset", [14, 17, 18, 21])
@pytest.mark.parametrize(
    ("output", "pooling", "expected"),
    [
        ("vector", "none", lambda grid: np.maximum(grid, 0).reshape(-1)),
        ("map", "none", lambda grid: grid.reshape(-1)),
        ("map", "mean-map", lambda grid: grid.mean((1, 2))),
        ("tokens", "first-token", lambda grid: grid[:, 0, 0]),
        ("tokens", "mean-tokens", lambda grid: grid.mean((1, 2))),
    ],
)
def test_any_tensor_can_be_pooled_to_the_descriptor(maps, converted, images, opset, output, pooling, expected):
    run = converted(maps(opset), f'output = "{output}"\npooling = "{pooling}"')
    batch = images(2)
    for image, found in zip(batch, run(batch), strict=True):
        np.testing.assert_allclose(found, expected(image.reshape(3, 4, 8, 4, 8).mean((2, 4))), atol=1e-5)


def test_what_the_descriptor_does_not_need_is_left_out(maps, tmp_path):
    toml = tmp_path / "model.toml"
    toml.write_text(HEAD + 'output = "map"')
    content = convert(maps(), read_description(toml, source=FileSource(path=""), sha256="0" * 64))
    operators = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert "AveragePool" in operators
    assert "Relu" not in operators


def test_several_outputs_need_a_choice(maps, converted):
    with pytest.raises(ModelRefused, match=r"graph\.output: name one of tokens, vector"):
        converted(maps())


def test_an_output_that_is_not_there_is_refused(maps, converted):
    with pytest.raises(ModelRefused, match="no tensor of the graph is called 'nothing'"):
        converted(maps(), 'output = "nothing"')


def test_a_kept_output_that_is_not_there_is_refused(maps, converted):
    with pytest.raises(ModelRefused, match=r"graph\.keep: the file has no output called nothing"):
        converted(maps(), 'output = "map"\nkeep = ["nothing"]')


# -- inputs


def image_input(shape, kind=FLOAT, name="image"):
    return helper.make_tensor_value_info(name, kind, shape)


def test_channels_last_and_half_precision_inputs_get_the_canonical_one(tmp_path, graph_file, converted, images):
    nodes = [helper.make_node("ReduceMax", ["image"], ["out"], axes=[1, 2], keepdims=0)]
    file = graph_file(
        tmp_path / "last.onnx",
        nodes,
        {},
        inputs=[image_input(["n", 32, 32, 3], TensorProto.FLOAT16)],
        outputs=[("out", TensorProto.FLOAT16, ["n", 3])],
    )
    found = converted(file, 'layout = "nhwc"')(images(2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images(2).max((2, 3)), rtol=2e-3)


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        (["n", 3, 48, 48], FLOAT, "needs"),
        (["n", 32, 32, 3], FLOAT, "needs"),
        ([8, 3, 32, 32], FLOAT, "one image or any number"),
        (["n", 3, 1024], FLOAT, "needs"),
        (["n", 3, 32, 32], TensorProto.UINT8, "uint8"),
    ],
)
def test_inputs_that_images_do_not_fit_are_refused(tmp_path, graph_file, converted, shape, kind, words):
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=FLOAT),
        helper.make_node("Flatten", ["float"], ["out"]),
    ]
    file = graph_file(
        tmp_path / "m.onnx", nodes, {}, inputs=[image_input(shape, kind)], outputs=[("out", FLOAT, ["n", "d"])]
    )
    with pytest.raises(ModelRefused, match=words):
        converted(file)


def test_a_model_that_also_wants_text_is_refused(tmp_path, graph_file, converted):
    nodes = [helper.make_node("Add", ["image", "text"], ["sum"]), helper.make_node("Flatten", ["sum"], ["out"])]
    inputs = [image_input(["n", 3, 32, 32]), image_input([1], name="text")]
    file = graph_file(tmp_path / "two.onnx", nodes, {}, inputs=inputs, outputs=[("out", FLOAT, ["n", "d"])])
    with pytest.raises(ModelRefused, match=r"graph\.input: name one of image, text"):
        converted(file)
    with pytest.raises(ModelRefused, match="also needs the input text"):
        converted(file, 'input = "image"')
    with pytest.raises(ModelRefused, match="no input is called 'pixels'"):
        converted(file, 'input = "pixels"')


# -- files


def test_a_file_that_is_not_onnx_is_refused(tmp_path, converted):
    file = tmp_path / "picture.onnx"
    file.write_bytes(b"\x89PNG and so on")
    with pytest.raises(ModelRefused, match=r"picture\.onnx: not an ONNX file"):
        converted(file)


def test_an_empty_file_is_refused(tmp_path, converted):
    file = tmp_path / "empty.onnx"
    file.write_bytes(b"")
    with pytest.raises(ModelRefused, match="not an ONNX file with a graph"):
        converted(file)


def test_weights_in_another_file_are_not_followed(tmp_path, graph_file, converted):
    nodes = [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["out"])]
    weights = {"w": np.ones((3072, 4), np.float32)}
    file = graph_file(tmp_path / "m.onnx", nodes, weights, outputs=[("out", FLOAT, ["n", 4])])
    model = onnx.load(file)
    onnx.save_model(model, file, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(ModelRefused, match="save the model as one file"):
        converted(file)
