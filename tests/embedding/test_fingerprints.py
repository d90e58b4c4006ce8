import numpy as np
import onnx
import pytest

from lookalike.embedding import (
    import_model,
)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('summary = "for tests"', 'summary = "another"', True),
        ('licence = "CC0-1.0"', 'licence = "MIT"', True),
        ("mean = [0.5, 0.5, 0.5]", "mean = [0.5, 0.5, 0.4]", False),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0.25, 0.5]", False),
        ('fit = "squash"', 'fit = "pad"', False),
        ('fit = "squash"', 'interpolation = "bilinear"\nfit = "squash"', False),
        ('output = "vector"', 'output = "flat"', False),
    ],
)
def test_the_fingerprint_follows_what_changes_vectors_and_nothing_else(source, models, before, after, same):
    old = import_model(source, models=models).fingerprint
    toml = source.with_suffix(".toml")
    assert before in toml.read_text()
    toml.write_text(toml.read_text().replace(before, after))
    assert (import_model(source, models=models).fingerprint == old) is same


def test_importing_again_replaces_and_the_same_weights_have_the_same_fingerprint(source, models):
    first = import_model(source, models=models)
    assert import_model(source, models=models) == first
    model = onnx.load(source)
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(np.random.default_rng(0).normal(size=(48, 32)).astype(np.float32), "rotation")
    )
    onnx.save(model, source)
    assert import_model(source, models=models).fingerprint != first.fingerprint
