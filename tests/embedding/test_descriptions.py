"""A description is read strictly: what is misspelt, missing or of the wrong type is named with its file."""

import pytest

from lookalike.embedding import FileSource, HubSource, WheelSource, describe_models, read_description
from lookalike.embedding.descriptions import checked_name
from lookalike.errors import ModelRefused

MINIMAL = """
licence = "MIT"
[preprocessing]
size = 64
mean = [0, 0, 0]
std = [1, 1, 1.0]
[graph]
"""
HUB = (
    MINIMAL
    + """
[source]
kind = "hub"
repository = "someone/some-model"
revision = "0123abcd"
path = "onnx/model.onnx"
"""
)


def described(tmp_path, text, name="model.toml", source=None):
    file = tmp_path / name
    file.write_text(text)
    return read_description(file, source=source or FileSource(path="model.onnx"), sha256="0" * 64)


def test_what_a_short_description_leaves_out_has_sensible_defaults(tmp_path):
    description = described(tmp_path, MINIMAL, name="my-model.toml")
    assert description.name == "my-model"
    assert description.dimension == 0
    assert description.projection is None
    assert description.preprocessing.fit == "centre-crop"
    assert description.preprocessing.interpolation == "bicubic"
    assert (description.graph.format, description.graph.layout, description.graph.pooling) == ("onnx", "nchw", "none")


def test_tflite_files_have_channels_last_unless_said_otherwise(tmp_path):
    assert described(tmp_path, MINIMAL + 'format = "tflite"').graph.layout == "nhwc"


def test_the_packaged_models_are_described(models):
    by_name = {status.description.name: status for status in describe_models(models)}
    assert set(by_name) >= {"clip-vit-b16", "efficientnet-lite0"}
    clip = by_name["clip-vit-b16"]
    assert isinstance(clip.description.source, WheelSource)
    assert clip.description.dimension == 256
    assert not clip.pulled
    assert len(clip.fingerprint or "") == 64


def test_a_hub_source_without_a_checksum_is_accepted_because_it_is_recorded_at_the_first_pull(tmp_path):
    source = described(tmp_path, HUB).source
    assert isinstance(source, HubSource)
    assert source.endpoint.startswith("https://")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("size = 64 -> size = true", "preprocessing.size"),
        ("size = 64 -> size = '64'", "preprocessing.size"),
        ("size = 64 -> size = 0", "preprocessing.size"),
        ("size = 64 -> sise = 64", "preprocessing.size"),
        ("size = 64 -> size = 64\nflip = true", "preprocessing.flip"),
        ("mean = [0, 0, 0] -> mean = [0, 0]", "preprocessing.mean"),
        ("mean = [0, 0, 0] -> mean = [0, 0, nan]", "preprocessing.mean"),
        ("std = [1, 1, 1.0] -> std = [1, 1, 0]", "preprocessing.std"),
        ('licence = "MIT" -> licence = 3', "licence"),
        ('licence = "MIT" -> ', "licence"),
        ('licence = "MIT" -> licence = "MIT"\ncolour = 1', "colour"),
        ('licence = "MIT" -> licence = "MIT"\nname = "../up"', "name"),
        ('licence = "MIT" -> licence = "MIT"\ndimension = 1', "dimension"),
        ('licence = "MIT" -> licence = "MIT"\nprojection = "/etc/p.npz"', "projection"),
        ("[graph] -> [graph]\npooling = 'max'", "graph.pooling"),
        ("[graph] -> [graph]\npooling = 'regions'", "graph.regions"),
        ("[graph] -> [graph]\nkeep = 'all'", "graph.keep"),
    ],
)
def test_a_mistake_is_refused_with_the_file_and_the_key(tmp_path, change, key):
    before, after = change.split(" -> ")
    with pytest.raises(ModelRefused) as refused:
        described(tmp_path, MINIMAL.replace(before, after))
    assert f"model.toml: {key}:" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ('kind = "hub" -> kind = "ftp"', "source.kind"),
        ('path = "onnx/model.onnx" -> path = "../model.onnx"', "source.path"),
        ('revision = "0123abcd" -> revision = "a b"', "source.revision"),
        ('repository = "someone/some-model" -> repository = "../x"', "source.repository"),
        ('path = "onnx/model.onnx" -> path = "m.onnx"\nsha256 = "12"', "source.sha256"),
        ('path = "onnx/model.onnx" -> path = "m.onnx"\nendpoint = "file:///etc"', "source.endpoint"),
        ('path = "onnx/model.onnx" -> path = "m.onnx"\nmax_bytes = -1', "source.max_bytes"),
    ],
)
def test_a_mistake_in_the_source_is_refused_too(tmp_path, change, key):
    before, after = change.split(" -> ")
    with pytest.raises(ModelRefused, match=key.replace(".", r"\.")):
        described(tmp_path, HUB.replace(before, after))


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match="not a readable TOML file"):
        described(tmp_path, "licence = ")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match=r"nothing\.toml: no such file"):
        read_description(tmp_path / "nothing.toml")


@pytest.mark.parametrize("name", ["a", "clip-vit-b16", "v1.2_x"])
def test_plain_names_are_accepted(name):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "a..b", "-a", "a-", "ä", "a\n", "x" * 65, "a b", "a\\b"])
def test_names_that_could_leave_the_models_folder_are_refused(name):
    with pytest.raises(ModelRefused):
        checked_name(name)
