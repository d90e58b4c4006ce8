"""What the tests of conversion share."""

import onnx
import onnxruntime
import pytest

from embedding.conversion.described import HEAD
from lookalike.embedding import FileSource, read_description
from lookalike.embedding.conversion import convert


@pytest.fixture
def converted(tmp_path):
    """A function: converts a file as [graph] says; returns what computes the descriptors of a batch."""

    def run(file, graph="", size=32):
        toml = tmp_path / "model.toml"
        toml.write_text(HEAD.replace("size = 32", f"size = {size}") + graph)
        description = read_description(toml, source=FileSource(path=str(file)), sha256="0" * 64)
        content = convert(file, description)
        onnx.checker.check_model(onnx.load_from_string(content))
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.disable_quant_qdq", "1")  # else it rounds activations to int8 itself
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        assert [value.name for value in session.get_inputs()] == ["pixels"]
        return lambda batch, output="descriptor": session.run([output], {"pixels": batch})[0]

    return run
