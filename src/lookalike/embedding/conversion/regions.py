"""The `regions` descriptor: class token, centre and whole of a vision transformer, from one forward pass."""

import numpy as np

from lookalike.embedding.conversion.graphs import GraphEditor
from lookalike.embedding.descriptions import Regions
from lookalike.errors import ModelRefused


def centre_tokens(regions: Regions) -> list[int]:
    """Token numbers of the central patches: token 0 is the class token, patches follow row by row."""
    first = (regions.grid - regions.centre) // 2
    span = range(first, first + regions.centre)
    return [1 + row * regions.grid + column for row in span for column in span]


def append_regions(editor: GraphEditor, tokens: str, regions: Regions) -> str:
    """Appends the descriptor of `tokens`, [images, 1 + grid * grid, channels]; returns its name.

    With h the tokens, LN the model's last layer norm and w the weights, the descriptor is the concatenation of
    `w[0] l2(LN(h[0]))`, `w[1] l2(LN(mean of the centre patches))` and `w[2] l2(LN(mean of all patches))`:
    [images, 3 * channels]. The norm is the model's own because the three views then live in the space that its
    training shaped.

    Raises:
        ModelRefused: the graph has no constants of those names.
    """
    missing = {regions.norm_weight, regions.norm_bias} - set(editor.initializers())
    if missing:
        raise ModelRefused(f"graph.regions: the model has no constant called {', '.join(sorted(missing))}")

    patches = list(range(1, 1 + regions.grid**2))
    views = [
        _gather(editor, tokens, [0]),
        editor.reduce("ReduceMean", _gather(editor, tokens, centre_tokens(regions)), 1),
        editor.reduce("ReduceMean", _gather(editor, tokens, patches), 1),
    ]
    normed = _layer_norm(editor, editor.add("Concat", views, axis=1), regions)
    unit = editor.add("Div", [normed, editor.reduce("ReduceL2", normed, 2)])
    weights = editor.constant(np.array(regions.weights, np.float32).reshape(1, 3, 1))
    return editor.add("Flatten", [editor.add("Mul", [unit, weights])], axis=1)


def _gather(editor: GraphEditor, tokens: str, numbers: list[int]) -> str:
    return editor.add("Gather", [tokens, editor.constant(np.array(numbers, np.int64))], axis=1)


def _layer_norm(editor: GraphEditor, tensor: str, regions: Regions) -> str:
    """Over the last of three axes; written out, as the operator only came with opset 17."""
    centred = editor.add("Sub", [tensor, editor.reduce("ReduceMean", tensor, 2)])
    variance = editor.reduce("ReduceMean", editor.add("Mul", [centred, centred]), 2)
    epsilon = editor.constant(np.array(regions.norm_epsilon, np.float32))
    deviation = editor.add("Sqrt", [editor.add("Add", [variance, epsilon])])
    scaled = editor.add("Mul", [editor.add("Div", [centred, deviation]), regions.norm_weight])
    return editor.add("Add", [scaled, regions.norm_bias])
