"""Which family a folder holds."""

import json

import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.network.backbones.families import CLIP, CLIP_TOWER, FAMILIES, SIGLIP, family_of, read_config


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"model_type": "siglip"}, SIGLIP),
        ({"model_type": "clip", "architectures": ["CLIPModel"]}, CLIP),
        ({"model_type": "clip_vision_model", "architectures": ["CLIPVisionModelWithProjection"]}, CLIP),
        ({"model_type": "clip_vision_model", "architectures": ["CLIPVisionModel"]}, CLIP_TOWER),
        ({"model_type": "clip_vision_model"}, CLIP),
    ],
)
def test_the_configuration_names_the_family(config, family, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert family_of(tmp_path) is family


def test_a_kind_that_is_not_known_is_refused_with_those_that_are(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "swin"}')
    with pytest.raises(TrainingRefused, match="model_type is 'swin'.*dinov2.*siglip"):
        family_of(tmp_path)


@pytest.mark.parametrize("content", ["[1]", "{", None])
def test_what_is_no_configuration_is_refused(content, tmp_path):
    (tmp_path / "config.json").write_text(content) if content else None
    with pytest.raises(TrainingRefused, match="config.json: not readable"):
        read_config(tmp_path)


def test_every_class_is_one_of_transformers():
    transformers = pytest.importorskip("transformers")
    names = [name for family in FAMILIES for name in (family.config, family.model)]
    assert [name for name in names if not hasattr(transformers, name)] == []
