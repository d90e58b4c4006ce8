import numpy as np
import pytest
import torch

from local_hub import local_hub, publish
from lookalike.errors import FetchFailed, TrainingRefused
from lookalike.training.network.backbones import (
    build_backbone,
    fetch_weights,
)
from training.network.backbones.tiny_transformers import features, saved, tiny


@pytest.fixture
def hub(monkeypatch):
    with local_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}/")
        monkeypatch.setenv("no_proxy", "*")
        yield hub


def test_a_repository_is_fetched_once_and_loaded(hub, tmp_path):
    network = tiny("dinov2")
    publish(hub, saved(network, tmp_path / "here"), revision="abc123")
    kept = fetch_weights("dinov2", tmp_path / "weights", repository="me/mine@abc123")
    assert np.array_equal(features(build_backbone("dinov2", weights=kept)), features(network))
    asked = len(hub.asked)
    assert fetch_weights("dinov2", tmp_path / "weights", repository="me/mine@abc123") == kept
    assert len(hub.asked) == asked
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [kept.name]


def test_an_older_repository_with_the_other_form_is_read_too(hub, tmp_path):
    network = tiny("vit")
    folder = saved(network, tmp_path / "here")
    (folder / "model.safetensors").unlink()
    torch.save(network.network.state_dict(), folder / "pytorch_model.bin")
    publish(hub, folder)
    kept = fetch_weights("vit", tmp_path / "weights", repository="me/mine")
    assert np.array_equal(features(build_backbone("vit", weights=kept)), features(network))


def test_the_published_repository_is_asked_for_by_default_and_nothing_half_is_kept(hub, tmp_path):
    hub.files["/facebook/dinov2-small/resolve/main/config.json"] = b"{}"
    with pytest.raises(FetchFailed, match=r"facebook/dinov2-small: .*404"):
        fetch_weights("dinov2-small", tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_hub_that_cannot_be_reached_is_said_with_what_to_do(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(FetchFailed, match=r"openai/clip-vit-base-patch32: .*bring them here in a folder") as failed:
        fetch_weights("clip-vit-b32", tmp_path)
    assert "models import" not in str(failed.value)


@pytest.mark.parametrize("repository", ["mine", "../x/y", "a/b/c", "me/mine@", "me/../mine"])
def test_what_is_no_repository_is_refused(repository, tmp_path):
    with pytest.raises(TrainingRefused, match="OWNER/NAME"):
        fetch_weights("vit", tmp_path, repository=repository)
