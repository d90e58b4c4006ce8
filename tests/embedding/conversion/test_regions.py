import numpy as np
import pytest
from onnx import TensorProto, helper

from lookalike.embedding.conversion.regions import centre_tokens
from lookalike.embedding.descriptions import Regions
from lookalike.errors import ModelRefused

FLOAT = TensorProto.FLOAT


def test_the_regions_descriptor_is_that_of_its_formula(tmp_path, graph_file, converted):
    chance = np.random.default_rng(5)
    weight, bias = chance.normal(1, 0.2, 8).astype(np.float32), chance.normal(0, 0.2, 8).astype(np.float32)
    embed = chance.normal(size=(192, 8)).astype(np.float32)
    nodes = [  # 4 x 4 patches of 8 pixels, and the first patch again as class token
        helper.make_node("Reshape", ["image", "split"], ["parts"]),
        helper.make_node("Transpose", ["parts"], ["patches"], perm=[0, 2, 4, 1, 3, 5]),
        helper.make_node("Reshape", ["patches", "merge"], ["flat"]),
        helper.make_node("MatMul", ["flat", "embed"], ["body"]),
        helper.make_node("Gather", ["body", "first"], ["class"], axis=1),
        helper.make_node("Concat", ["class", "body"], ["tokens"], axis=1),
        helper.make_node("Add", ["tokens", "norm.bias"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "norm.weight"], ["out"]),
    ]
    constants = {
        "split": np.array([-1, 3, 4, 8, 4, 8]),
        "merge": np.array([-1, 16, 192]),
        "first": np.array([0]),
        "embed": embed,
        "norm.weight": weight,
        "norm.bias": bias,
    }
    outputs = [("out", FLOAT, ["n", 17, 8])]
    file = graph_file(tmp_path / "tokens.onnx", nodes, constants, outputs=outputs)
    graph = """
output = "tokens"
pooling = "regions"
keep = ["out"]
[graph.regions]
grid = 4
centre = 2
weights = [1.0, 2.0, 0.5]
norm_weight = "norm.weight"
norm_bias = "norm.bias"
norm_epsilon = 1e-5
"""
    batch = chance.normal(size=(2, 3, 32, 32)).astype(np.float32)
    run = converted(file, graph)

    for image, found, kept in zip(batch, run(batch), run(batch, "out"), strict=True):
        patches = image.reshape(3, 4, 8, 4, 8).transpose(1, 3, 0, 2, 4).reshape(16, 192) @ embed
        views = [patches[0], patches.reshape(4, 4, 8)[1:3, 1:3].mean((0, 1)), patches.mean(0)]
        expected = []
        for view, share in zip(views, (1.0, 2.0, 0.5), strict=True):
            normed = (view - view.mean()) / np.sqrt(view.var() + 1e-5) * weight + bias
            expected.append(share * normed / np.linalg.norm(normed))
        np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-5)
        np.testing.assert_allclose(kept[1:], (patches + bias) * weight, rtol=1e-4, atol=1e-4)


def test_regions_need_the_norm_they_name(tmp_path, graph_file, converted):
    nodes = [helper.make_node("Flatten", ["image"], ["out"], axis=2)]
    file = graph_file(tmp_path / "a.onnx", nodes, {}, outputs=[("out", FLOAT, ["a", "b"])])
    graph = """
pooling = "regions"
[graph.regions]
grid = 4
centre = 2
weights = [1, 1, 1]
norm_weight = "gone"
norm_bias = "gone"
norm_epsilon = 1e-5
"""
    with pytest.raises(ModelRefused, match="no constant called gone"):
        converted(file, graph)


@pytest.mark.parametrize(
    ("grid", "centre", "tokens"),
    [(4, 2, [6, 7, 10, 11]), (3, 1, [5]), (2, 2, [1, 2, 3, 4]), (5, 3, [7, 8, 9, 12, 13, 14, 17, 18, 19])],
)
def test_the_centre_is_in_the_middle_of_the_patches_behind_the_class_token(grid, centre, tokens):
    regions = Regions(grid=grid, centre=centre, weights=(1, 1, 1), norm_weight="w", norm_bias="b", norm_epsilon=1e-5)
    assert centre_tokens(regions) == tokens
