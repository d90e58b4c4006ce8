import json

import pytest

from lookalike.errors import TrainingRefused
from lookalike.training.network.named_backbones import NamedBackbone, preprocessing_for


def test_a_backbone_is_asked_for_by_its_name_a_file_or_at_random(tmp_path):
    assert NamedBackbone.parse("resnet18:random").at_random
    published = NamedBackbone.parse("efficientnet-lite0")
    assert (published.weights, published.at_random) == (None, False)
    (tmp_path / "own.pth").touch()
    assert NamedBackbone.parse(f"resnet50:{tmp_path / 'own.pth'}").weights == tmp_path / "own.pth"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("resnet19", "no backbone is called resnet19; there are .*resnet18"),
        ("resnet18:/no/such", "there is no /no/such"),
    ],
)
def test_what_is_not_there_is_refused_with_what_was_asked(asked, says):
    with pytest.raises(TrainingRefused, match=f"--backbone {asked}: {says}"):
        NamedBackbone.parse(asked)


@pytest.mark.parametrize(
    ("name", "mean"), [("clip-vit-b16", 0.48145466), ("vit-b16", 0.5), ("efficientnet-lite0", 0.5), ("resnet18", 0.485)]
)
def test_pixels_are_scaled_as_its_kind_was_trained(name, mean):
    found = preprocessing_for(name, 224, None)
    assert (found.size, found.mean[0]) == (224, mean)


def test_a_folder_of_weights_may_say_how_pixels_are_scaled(tmp_path):
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3]}))
    for weights in (tmp_path, tmp_path / "model.safetensors"):
        found = preprocessing_for("vit-b16", 32, weights)
        assert found.mean == (0.1, 0.2, 0.3)
        assert found.std == (0.5, 0.5, 0.5)
    for damaged in ("{", json.dumps({"image_mean": [0.1, 0.2]}), "[]"):
        file.write_text(damaged)
        with pytest.raises(TrainingRefused, match=r"preprocessor_config\.json: not readable"):
            preprocessing_for("vit-b16", 32, tmp_path)
