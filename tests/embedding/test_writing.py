import tomllib

import pytest

from lookalike.embedding import FileSource, read_description
from lookalike.embedding.descriptions import Graph
from lookalike.embedding.writing import description_toml
from lookalike.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(
    size=64, fit="pad", interpolation="bilinear", mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125)
)
GRAPH = Graph(format="onnx", input="pixels", output="embedding", layout="nchw")


@pytest.mark.parametrize(
    "summary", ["", "plain", 'quoted "words" and \\ a backslash', "line\nbreak\tand\0zero", "ünï \U0001f41f"]
)
@pytest.mark.parametrize("projection", [None, "projection.npz"])
def test_what_is_written_is_read_back(tmp_path, summary, projection):
    text = description_toml(
        name="mine", summary=summary, licence="MIT", preprocessing=PREPROCESSING, graph=GRAPH, projection=projection
    )
    assert tomllib.loads(text).get("projection") == projection
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    description = read_description(tmp_path / "mine.toml", source=FileSource(path="x"), sha256="0" * 64)
    assert (description.name, description.summary, description.licence) == ("mine", summary, "MIT")
    assert description.preprocessing == PREPROCESSING
    assert (description.graph.input, description.graph.output) == ("pixels", "embedding")
