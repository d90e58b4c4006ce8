import sys

import numpy as np
import pytest

from lookalike.embedding import open_encoder
from lookalike.embedding.runtimes import onnxruntime as onnxruntime_runtime
from lookalike.errors import DependencyMissing


def test_runs_of_a_fixed_size_give_each_row_its_own_vector(images):
    """The GPU session, on a stand-in for the GPU: sixteen rows a run, the last run filled up."""
    sizes = []

    class Value:
        name = "pixels"
        shape = ("images", 3, 32, 32)

    class Gpu:
        def get_inputs(self):
            return [Value()]

        def get_outputs(self):
            return [Value()]

        def run(self, _outputs, inputs):
            (batch,) = inputs.values()
            sizes.append(len(batch))
            return [batch.mean((2, 3))]

    session = onnxruntime_runtime._GpuSession(Gpu(), batch=16)
    batch = images(20)
    np.testing.assert_array_equal(session.run(batch), batch.mean((2, 3)))
    assert sizes == [16, 16]


def test_a_missing_runtime_names_its_install_command(monkeypatch, tiny):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyMissing, match=r"lookalike\[onnxruntime\]"):
        open_encoder("tiny", models=tiny, runtime="onnxruntime")
