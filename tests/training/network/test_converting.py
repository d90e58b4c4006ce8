"""Checkpoints of hubs become models that compute what torch computes."""

import json

import numpy as np
import pytest
import torch

from lookalike.embedding import Golden, golden_pictures, open_encoder
from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.training.network.backbones.families import family_of
from lookalike.training.network.backbones.vision_transformer import load_transformer
from lookalike.training.network.converting import Conversion, convert_checkpoint, preprocessing_of
from training.network.tiny_checkpoints import (
    CHECKPOINTS,
    SIZE,
    checkpoint,
    naflex_checkpoint,
    perception_checkpoint,
    unicom_checkpoint,
)

MAKERS = {
    **{name: lambda folder, name=name: checkpoint(name, folder) for name in CHECKPOINTS},
    "siglip2-naflex": naflex_checkpoint,
    "pe-core": perception_checkpoint,
    "unicom": unicom_checkpoint,
}
NAMED = Conversion(name="mine", summary="a small one", licence="Apache-2.0")


def batch_of(preprocessing):
    return np.stack([transform(pixels, preprocessing) for pixels in golden_pictures()])


def convert(tmp_path, conversion=NAMED):
    return convert_checkpoint(tmp_path / "checkpoint", conversion, files=tmp_path / "files", models=tmp_path / "models")


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_converted_checkpoint_computes_what_torch_does_in_both_runtimes(name, tmp_path):
    expected = MAKERS[name](tmp_path / "checkpoint")
    done = convert(tmp_path)
    batch = batch_of(done.status.description.preprocessing)
    wanted = expected(batch)
    assert done.status.description.dimension == wanted.shape[1]
    for runtime in ("openvino", "onnxruntime"):
        with open_encoder("mine", models=tmp_path / "models", runtime=runtime) as encoder:
            found = encoder.descriptors(batch)
            one_by_one = np.concatenate([encoder.descriptors(row[None]) for row in batch])
        assert np.abs(found - wanted).max() <= 1e-4 * max(1, np.abs(wanted).max())
        assert np.array_equal(found, one_by_one)
    assert np.ptp(wanted, axis=0).max() > 0.1, "a network that sees nothing proves nothing"


def test_the_files_can_be_imported_elsewhere_and_golden_vectors_come_along(tmp_path):
    expected = checkpoint("siglip", tmp_path / "checkpoint")
    done = convert(tmp_path)
    assert sorted(file.name for file in (tmp_path / "files").iterdir()) == ["mine.golden.npz", "mine.onnx", "mine.toml"]
    golden = Golden.load(tmp_path / "files" / "mine.golden.npz")
    wanted = expected(batch_of(done.status.description.preprocessing))
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(golden.vectors, wanted, atol=1e-5)
    assert done.status.golden_cosine > 0.9999
    assert done.status.description.licence == "Apache-2.0"


@pytest.mark.parametrize("name", ["dinov2", "dinov2-registers", "siglip", "clip", "vit", "tipsv2", "dinov3"])
def test_another_size_has_positions_as_the_family_resamples_them(name, tmp_path):
    checkpoint(name, tmp_path / "checkpoint")
    done = convert(tmp_path, Conversion(name="mine", summary="", licence="MIT", size=48))
    preprocessing = done.status.description.preprocessing
    assert preprocessing.size == 48
    family = family_of(tmp_path / "checkpoint")
    network = load_transformer(family, tmp_path / "checkpoint").network.eval()
    batch = batch_of(preprocessing)
    options = {"interpolate_pos_encoding": True} if family.interpolates else {}
    with torch.no_grad():
        wanted = family.features(network(pixel_values=torch.from_numpy(batch), **options)).numpy()
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        assert np.allclose(encoder.descriptors(batch), wanted, atol=1e-4 * np.abs(wanted).max())


def test_int8_weights_make_a_smaller_file_that_is_close(tmp_path):
    checkpoint("dinov2", tmp_path / "checkpoint")
    whole = convert(tmp_path)
    small = convert(tmp_path, Conversion(name="small", summary="", licence="MIT", weights="int8"))
    assert small.status.bytes_on_disk < whole.status.bytes_on_disk
    assert 0.98 < small.parity.least_cosine < 1


def test_golden_vectors_of_a_description_are_checked(tmp_path):
    checkpoint("dinov2", tmp_path / "checkpoint")
    convert(tmp_path)
    right = Golden.load(tmp_path / "files" / "mine.golden.npz")
    turned = Golden(pictures=right.pictures, vectors=right.vectors[::-1])
    with pytest.raises(ModelRefused, match="other: does not reproduce its golden vectors"):
        convert(tmp_path, Conversion(name="other", summary="", licence="MIT", golden=turned))
    assert not (tmp_path / "models" / "other").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "bert"}, "model_type is 'bert'; it must be one of clip, "),
        ({"num_hidden_layers": 3}, "weights are missing"),
        ({"architecture": "vit_pe_core_gigantic_patch14_448"}, "tiny, small, base and large"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(change, says, tmp_path):
    checkpoint("dinov2", tmp_path / "checkpoint")
    file = tmp_path / "checkpoint" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelRefused, match=says):
        convert(tmp_path)
    assert not (tmp_path / "models").exists()


def test_a_size_that_does_not_fit_is_refused(tmp_path):
    checkpoint("dinov2", tmp_path / "checkpoint")
    with pytest.raises(ModelRefused, match="multiple of 8"):
        convert(tmp_path, Conversion(name="mine", summary="", licence="MIT", size=30))


@pytest.mark.parametrize("name", ["pe-core", "unicom"])
def test_networks_with_fixed_positions_take_their_own_size_only(name, tmp_path):
    MAKERS[name](tmp_path / "checkpoint")
    with pytest.raises(ModelRefused, match="takes 32 x 32 only"):
        convert(tmp_path, Conversion(name="mine", summary="", licence="MIT", size=48))


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(ModelRefused, match="no preprocessor_config.json"):
        convert(tmp_path)
    prepared = Preprocessing(size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ModelRefused, match=r"config.json: not readable"):
        convert(tmp_path, Conversion(name="mine", summary="", licence="MIT", preprocessing=prepared))


SAID = {"resample": 2, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}


@pytest.mark.parametrize(
    ("config", "size", "fit", "interpolation"),
    [
        ({"size": {"height": 64, "width": 64}}, 64, "squash", "bilinear"),
        ({"size": 64, "crop_size": 48, "do_center_crop": True, "resample": 3}, 48, "centre-crop", "bicubic"),
        ({"size": {"shortest_edge": 64}, "do_center_crop": None}, 64, "centre-crop", "bilinear"),
        ({"patch_size": 16, "max_num_patches": 256}, 256, "squash", "bilinear"),
    ],
)
def test_preprocessing_is_read_from_the_checkpoint(config, size, fit, interpolation, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SAID | config))
    assert preprocessing_of(tmp_path) == Preprocessing(
        size=size, fit=fit, interpolation=interpolation, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)
    )


def test_pixels_that_are_not_normalised_stay_between_0_and_1(tmp_path):
    config = {"size": {"height": 64, "width": 64}, "do_normalize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    assert (preprocessing_of(tmp_path).mean, preprocessing_of(tmp_path).std) == ((0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"size": {"height": 64, "width": 32}}, "must be square"),
        ({"size": 64, "resample": 0}, "resample is 0"),
        ({"size": 64, "image_mean": [0.5]}, "not usable"),
        ({}, "size: is missing"),
    ],
)
def test_preprocessing_that_cannot_be_followed_is_refused_with_its_key(config, says, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SAID | config))
    with pytest.raises(ModelRefused, match=says):
        preprocessing_of(tmp_path)
