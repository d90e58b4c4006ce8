"""docs/models.md names every model, key and runtime there is, and its example can be imported."""

import dataclasses
import re
from pathlib import Path

import pytest

from lookalike.embedding import (
    RUNTIMES,
    FileSource,
    Graph,
    ModelDescription,
    Regions,
    describe_models,
    read_description,
)
from lookalike.preprocessing import Preprocessing

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_every_key_of_a_description_is_documented():
    keys = {field.name for field in dataclasses.fields(ModelDescription)} - {"sha256", "preprocessing", "graph"}
    keys |= {f"preprocessing.{field.name}" for field in dataclasses.fields(Preprocessing)}
    keys |= {f"graph.{field.name}" for field in dataclasses.fields(Graph)}
    keys |= {field.name for field in dataclasses.fields(Regions)}
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []


def test_every_packaged_model_and_runtime_is_documented(models):
    names = {status.description.name for status in describe_models(models)} | set(RUNTIMES)
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_toml_block_can_be_read(tmp_path, block):
    file = tmp_path / "my-model.toml"
    rest = "" if "[graph]" in block else PAGE.split("```toml\n")[1].split("```")[0]
    file.write_text(rest + block.replace("the full commit", "0123abcd"), encoding="utf-8")
    assert read_description(file, source=FileSource(path="my-model.onnx"), sha256="0" * 64).name == "my-model"
