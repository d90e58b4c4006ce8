"""Models of hubs, described by name."""

import re

import pytest

from lookalike.embedding import available_model, available_models, describe_model, is_available, pull
from lookalike.embedding.available import AVAILABLE, _read
from lookalike.embedding.registry import is_packaged
from lookalike.errors import ModelMissing, ModelRefused, UnknownModel

NAMES = [model.name for model in available_models()]


def test_the_families_that_people_ask_for_are_there():
    for family in ("dinov2", "dinov3", "siglip2", "pe-core", "tipsv2", "mlcd"):
        assert [name for name in NAMES if name.startswith(family)], family
    assert sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_description_says_what_people_need_to_choose(name):
    model = available_model(name)
    assert is_available(name)
    assert not is_packaged(name)
    assert re.fullmatch(r"[\w-]+/[\w.-]+", model.repository)
    assert re.search(r"\d{4}, ", model.paper), "authors, year, title"
    assert model.measured
    assert model.measured_in
    assert 32 <= model.preprocessing.size <= 512
    assert 50 < model.megabytes < 2_000, "one ONNX file holds 2 GB"


def test_sizes_of_a_family_grow_with_their_names():
    for family in ("dinov2", "dinov3", "siglip2", "pe-core", "tipsv2", "mlcd"):
        base, large = (available_model(f"{family}-{size}").parameters for size in ("base", "large"))
        assert 3 < large / base < 4


def test_a_name_that_is_not_described_is_refused_with_those_that_are():
    with pytest.raises(UnknownModel, match="dinov2-base, dinov2-large"):
        available_model("dinov9")
    assert not is_available("dinov9")
    assert not is_available("../clip-vit-b16")


def test_a_model_of_a_hub_that_is_not_here_says_what_to_run(models):
    for look in (describe_model, pull):
        with pytest.raises(ModelMissing, match="run `lookalike models pull dinov2-small`"):
            look("dinov2-small", models=models)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("gated = true", "gatet = true"), "hub.gatet: is not a key"),
        (("gated = true", 'gated = "yes"'), "hub.gated: must be true or false"),
        (("dimension = 384", "dimension = 1"), "dimension: must be between"),
        (('paper = "', 'papers = "'), "published.paper: is missing"),
    ],
)
def test_a_description_is_read_strictly(change, says, tmp_path):
    text = (AVAILABLE / "dinov3-small.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(ModelRefused, match=re.escape(says)):
        _read(tmp_path / "mine.toml")
