"""Vision transformers: from a folder, from a hub or at random; trained in part; served without torch."""

import json
import os
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike.embedding import open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.errors import DependencyMissing, FetchFailed, TrainingRefused
from lookalike.preprocessing import Preprocessing, transform
from lookalike.training.network.backbones import (
    BACKBONES,
    Embedder,
    ProjectionHead,
    TokenRegions,
    VisionTransformer,
    build_backbone,
    fetch_weights,
    train_last_blocks,
)
from lookalike.training.network.backbones.graph_weights import weights_of_graph
from lookalike.training.network.backbones.vision_transformer import (
    CLIP,
    DINO_V2,
    PLAIN,
    Shape,
    load_transformer,
    random_transformer,
)
from lookalike.training.network.checkpoint import save_checkpoint
from lookalike.training.network.exporting import ExportedAs, descriptors_of, export_model, to_onnx
from pictures import photo

transformers = pytest.importorskip("transformers")
PROJECT = Path(__file__).parents[2]

TINY = Shape(width=32, layers=2, heads=2, patch=8, size=32)
TINY_CLIP = Shape(width=32, layers=2, heads=2, patch=8, size=32, embedding=16)
FAMILIES = {"vit": (PLAIN, TINY), "clip-vit": (CLIP, TINY_CLIP), "dinov2": (DINO_V2, TINY)}
PARAMETERS = {  # published, without classifier, pooler and mask token; DINOv2's with positions for 224 pixels
    "vit-tiny": 5_524_416,
    "vit-small": 21_665_664,
    "vit-base": 85_798_656,
    "clip-vit-b16": 86_192_640,
    "clip-vit-b32": 87_849_216,
    "dinov2-small": 21_628_800,
    "dinov2-base": 85_724_928,
}
everywhere = pytest.mark.parametrize("name", sorted(FAMILIES))


def pictures(count=6, size=32, seed=0):
    chance = np.random.default_rng(seed)
    coarse = chance.normal(size=(count, 3, size // 8, size // 8))
    return np.kron(coarse, np.ones((1, 1, 8, 8))).astype(np.float32)


def tiny(name, seed=0):
    """Its weights are larger than a random start's, so that pictures differ."""
    family, shape = FAMILIES[name]
    torch.manual_seed(seed)
    network = random_transformer(family, shape)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.mul_(5)
    return network


def saved(network, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.utils.logging, "_tqdm_active", False)
        network.network.save_pretrained(folder)
    return folder


def features(network, shown=None):
    return descriptors_of(network.eval(), pictures() if shown is None else shown)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_sizes_are_the_published_ones(name):
    with torch.device("meta"):
        network = BACKBONES[name].build()
    assert sum(weight.numel() for weight in network.parameters()) == PARAMETERS[name]
    assert isinstance(network, VisionTransformer)
    assert (network.dimension, network.size) == (BACKBONES[name].dimension, BACKBONES[name].size)
    assert len(network.blocks()) == 12


@everywhere
def test_pictures_become_features_and_every_weight_learns(name):
    network = tiny(name)
    found = network(torch.from_numpy(pictures()))
    assert found.shape == (6, network.dimension)
    assert network.size == 32
    found.square().sum().backward()
    assert [entry for entry, weight in network.named_parameters() if weight.grad is None] == []


@everywhere
def test_features_are_the_ones_the_docstring_says(name):
    network = tiny(name).eval()
    given = network.network(pixel_values=torch.from_numpy(pictures()))
    wanted = given.image_embeds if name == "clip-vit" else given.last_hidden_state[:, 0]
    assert np.array_equal(features(network), wanted.detach().numpy())


@everywhere
def test_a_saved_folder_comes_back(name, tmp_path):
    network = tiny(name)
    saved(network, tmp_path / "mine")
    for weights in (tmp_path / "mine", tmp_path / "mine" / "model.safetensors"):
        loaded = build_backbone(name, weights=weights)
        assert loaded.training
        assert np.array_equal(features(loaded), features(network))


@everywhere
def test_what_serves_is_what_was_trained(name, tmp_path):
    network = Embedder(tiny(name), ProjectionHead(FAMILIES[name][1].embedding or 32, 8))
    seen = Preprocessing(size=32, fit="pad", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    as_ = ExportedAs(name="mine", summary="a small one", licence="Apache-2.0", preprocessing=seen)
    done = export_model(network, as_, pictures(16), files=tmp_path / "run", models=tmp_path / "models")
    assert (done.parity.recall, done.status.description.dimension) == (1, 8)
    assert done.parity.least_cosine > 0.9999
    fresh = pictures(5, seed=9)
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        served = encoder.encode(fresh)
    assert np.allclose(served, to_vectors(features(network, fresh), None), atol=2e-3)


@everywhere
def test_only_the_last_blocks_learn(name):
    network = tiny(name)
    learning = train_last_blocks(network, 1)
    before = {entry: value.clone() for entry, value in network.state_dict().items()}
    network.train()
    assert network.blocks()[1].training
    assert not network.blocks()[0].training
    optimiser = torch.optim.SGD([weight for weight in network.parameters() if weight.requires_grad], lr=0.1)
    network(torch.from_numpy(pictures())).square().mean().backward()
    optimiser.step()
    changed = {entry for entry, value in network.state_dict().items() if not torch.equal(before[entry], value)}
    assert changed
    assert changed <= set(learning), "a key's bias has no gradient, so not all that may learn need change"
    last = set(map(id, [*network.blocks()[1].parameters()]))
    after = {id(weight) for part in network.after_blocks() for weight in part.parameters()}
    assert {id(dict(network.named_parameters())[entry]) for entry in learning} == last | after
    assert len(train_last_blocks(network, 2)) > len(learning)
    assert not any("embedding" in entry for entry in train_last_blocks(network, 2))


def test_of_a_clip_with_both_towers_the_image_tower_is_taken(tmp_path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    whole = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={**sizes, "vocab_size": 50, "projection_dim": 16},
            vision_config={**sizes, "image_size": 32, "patch_size": 8, "projection_dim": 16},
            projection_dim=16,
        )
    ).eval()
    whole.save_pretrained(tmp_path)
    shown = torch.from_numpy(pictures())
    wanted = whole.visual_projection(whole.vision_model(pixel_values=shown).pooler_output)
    loaded = build_backbone("clip-vit", weights=tmp_path)
    assert loaded.dimension == 16
    assert np.allclose(features(loaded), wanted.detach().numpy(), atol=1e-5)


def test_a_classifier_and_a_pooler_are_passed_over(tmp_path):
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    whole = transformers.ViTForImageClassification(config).eval()
    whole.save_pretrained(tmp_path)
    wanted = whole.vit(pixel_values=torch.from_numpy(pictures())).last_hidden_state[:, 0]
    assert np.allclose(features(build_backbone("vit", weights=tmp_path)), wanted.detach().numpy(), atol=1e-5)


def test_positions_are_resampled_once_as_dinov2_does_for_every_batch(tmp_path):
    torch.manual_seed(1)
    family, shape = FAMILIES["dinov2"]
    larger = random_transformer(family, Shape(width=32, layers=2, heads=2, patch=8, size=64)).eval()
    saved(larger, tmp_path)
    smaller = load_transformer(family, tmp_path, shape=shape)
    assert smaller.size == 32
    assert np.allclose(features(smaller), features(larger), atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "clip-vit"])
def test_positions_of_all_families_fit_another_size(name, tmp_path):
    family, shape = FAMILIES[name]
    saved(tiny(name), tmp_path)
    other = Shape(width=32, layers=2, heads=2, patch=8, size=48, embedding=shape.embedding)
    loaded = load_transformer(family, tmp_path, shape=other)
    assert features(loaded, pictures(size=48)).shape == (6, shape.embedding or 32)


def test_own_checkpoints_of_a_known_shape_come_back_and_shapeless_names_need_a_folder(tmp_path):
    network = build_backbone("vit-tiny", weights=None, seed=1)
    again = build_backbone("vit-tiny", weights=None, seed=1).state_dict()
    assert all(torch.equal(again[entry], value) for entry, value in network.state_dict().items())
    save_checkpoint(network.state_dict(), tmp_path / "own.pth")
    loaded = build_backbone("vit-tiny", weights=tmp_path / "own.pth", seed=2)
    assert all(torch.equal(loaded.state_dict()[entry], value) for entry, value in network.state_dict().items())
    for weights in (None, tmp_path / "own.pth"):
        with pytest.raises(TrainingRefused, match=r"config.json.*vit-small"):
            build_backbone("vit", weights=weights)


def damage(folder, what):
    config = json.loads((folder / "config.json").read_text())
    if what == "kind":
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    elif what == "config":
        (folder / "config.json").write_text("{")
    elif what == "layers":
        (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    elif what == "width":
        (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    elif what == "none":
        (folder / "model.safetensors").unlink()
    elif what == "cut":
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    elif what == "gone":
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("kind", "model_type is 'bert'"),
        ("config", "config.json: not readable"),
        ("layers", r"weights are missing, such as .*2"),
        ("width", "not loadable"),
        ("none", "there is no model.safetensors"),
        ("cut", "not loadable"),
        ("gone", "no such folder"),
    ],
)
def test_a_folder_that_is_not_usable_is_refused_with_its_name(tmp_path, what, says):
    folder = saved(tiny("vit"), tmp_path / "mine")
    damage(folder, what)
    with pytest.raises(TrainingRefused, match=says) as refused:
        build_backbone("vit", weights=folder)
    assert str(folder) in str(refused.value)


def test_a_folder_of_another_shape_is_refused(tmp_path):
    saved(tiny("vit"), tmp_path)
    with pytest.raises(TrainingRefused, match="hidden_size is 32, but this backbone has 768"):
        build_backbone("vit-base", weights=tmp_path)


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'lookalike\[transformers\]'"):
        build_backbone("vit-tiny", weights=None)


# -- packaged weights


@pytest.fixture(scope="session")
def pulled():
    folder = Path(os.environ.get("LOOKALIKE_MODELS", PROJECT / ".cache" / "models"))
    if not (folder / "clip-vit-b16" / "record.json").exists():
        message = "clip-vit-b16 was not pulled: run `make models`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.mark.model
def test_the_packaged_clip_can_be_trained_further(pulled):
    file = fetch_weights("clip-vit-b16", pulled)
    backbone = build_backbone("clip-vit-b16", weights=file).eval()
    with open_encoder("clip-vit-b16", models=pulled, runtime="onnxruntime") as encoder:
        shown = np.stack([transform(np.asarray(photo(seed=seed)), encoder.preprocessing) for seed in range(2)])
        served = encoder.descriptors(shown)
    assert isinstance(backbone, VisionTransformer)
    described = descriptors_of(TokenRegions(backbone).eval(), shown)
    assert np.abs(described - served).max() < 1e-3
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # the default rounds activations to int8
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(["image_embeds"], {session.get_inputs()[0].name: shown})
    assert np.allclose(descriptors_of(backbone, shown), wanted, atol=5e-3)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_weights_come_back_out_of_an_exported_graph(tmp_path, precision):
    network = tiny("clip-vit")
    (tmp_path / "clip.onnx").write_bytes(to_onnx(network.eval(), size=32, weights=precision))
    found = weights_of_graph(tmp_path / "clip.onnx")
    state = network.state_dict()
    matrices = [name for name in state if name.endswith(("proj.weight", "fc1.weight", "fc2.weight"))]
    assert len(matrices) == 12
    for name in matrices:
        error = (found[name] - state[name]).abs().max()
        assert error <= state[name].abs().max() * (0.005 if precision == "int8" else 1e-6)


def test_a_graph_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.onnx").write_bytes(to_onnx(torch.nn.Flatten(), size=32))
    with pytest.raises(TrainingRefused, match=r"other.onnx: not the weights of vit-tiny"):
        build_backbone("vit-tiny", weights=tmp_path / "other.onnx")
    (tmp_path / "other.onnx").write_bytes(b"no graph")
    for file in ("other.onnx", "missing.onnx"):
        with pytest.raises(TrainingRefused, match=f"{file}: not a readable ONNX file"):
            build_backbone("vit-tiny", weights=tmp_path / file)


def test_regions_are_those_of_the_served_model(tmp_path):
    network = tiny("clip-vit").eval()
    regions = TokenRegions(network, weights=(1.0, 0.5, 0.25)).eval()
    assert (regions.grid, regions.centre, regions.dimension) == (4, 2, 96)
    shown = torch.from_numpy(pictures(3))
    tower = network.network.vision_model
    for tokens, row in zip(tower(pixel_values=shown).last_hidden_state, regions(shown), strict=True):
        middle = torch.stack([tokens[1 + 4 * down + right] for down in (1, 2) for right in (1, 2)]).mean(0)
        parts = [tower.post_layernorm(part) for part in (tokens[0], middle, tokens[1:].mean(0))]
        wanted = [part / part.norm() * weight for part, weight in zip(parts, (1.0, 0.5, 0.25), strict=True)]
        assert torch.allclose(row, torch.cat(wanted), atol=1e-5)
    assert train_last_blocks(regions, 1)
    as_ = ExportedAs(
        name="regions", summary="", licence="MIT", preprocessing=Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))
    )
    done = export_model(regions, as_, pictures(8), files=tmp_path / "run", models=tmp_path / "models")
    assert done.parity.least_cosine > 0.9999
    with pytest.raises(TrainingRefused, match="CLIP"):
        TokenRegions(tiny("vit"))


# -- hubs


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine; `hub.files` are its files by address, `hub.asked` what was asked for."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            hub.asked.append(self.path)
            content = hub.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.files, hub.asked = {}, []
    serving = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}/")
    monkeypatch.setenv("no_proxy", "*")
    yield hub
    hub.shutdown()
    serving.join()
    hub.server_close()


def publish(hub, folder, repository="me/mine", revision="main"):
    for file in folder.iterdir():
        hub.files[f"/{repository}/resolve/{revision}/{file.name}"] = file.read_bytes()


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


def test_a_backbone_without_published_weights_says_so(tmp_path):
    for name, repository in (("vit", None), ("vit-tiny", None), ("resnet18", "me/mine")):
        with pytest.raises(TrainingRefused, match="comes with no weights"):
            fetch_weights(name, tmp_path, repository=repository)
