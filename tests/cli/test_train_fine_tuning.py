"""`lookalike train --tune blocks|full`, `--backbone` and `--tensorboard`: through the program, on small networks."""

import io
import json
import sys
from types import MappingProxyType

import numpy as np
import pytest
import torch
from PIL import Image

from lookalike.training.network.backbones import registry
from lookalike.training.network.backbones.efficientnet_lite import EfficientNetLite, Scale
from lookalike.training.network.checkpoint import save_checkpoint
from lookalike.training.run import RunFolder

KINDS, EACH, SIZE = 4, 16, 32
QUICK = ("--steps", "10", "--dimension", "8", "--held-out", "0.2", "--resamples", "100", "--tune-steps", "4")
SMALL = Scale(width=0.25, depth=0.3, size=SIZE)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two test processes share the machine, and sums do not depend on how work is split."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A backbone that takes milliseconds, called `small`."""
    added = registry.Backbone(build=lambda: EfficientNetLite(SMALL), dimension=1_280, size=SIZE, classifier=("_fc.",))
    backbones = MappingProxyType({**registry.BACKBONES, "small": added})
    monkeypatch.setattr(registry, "BACKBONES", backbones)
    monkeypatch.setattr("lookalike.training.network.named_backbones.BACKBONES", backbones)


@pytest.fixture
def weights(tmp_path):
    """A file of such weights; its features differ more than those of a random start."""
    torch.manual_seed(1)
    network = EfficientNetLite(SMALL)
    path = tmp_path / "mine" / "weights.pth"
    path.parent.mkdir()
    save_checkpoint(network.state_dict(), path)
    return path


def square(kind, number):
    """Coarse noise in which a bright square's place says what kind of thing it is."""
    levels = np.random.default_rng([kind, number]).integers(0, 160, (8, 8, 3)).repeat(4, axis=0).repeat(4, axis=1)
    top, left = 16 * (kind // 2), 16 * (kind % 2)
    levels[top + 3 : top + 13, left + 3 : left + 13] += 90
    stream = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def things(tmp_path, run):
    """64 pictures of four kinds, indexed, with a grade 4 for every two of one kind."""
    folder = tmp_path / "things"
    folder.mkdir()
    names = [f"{kind}-{number}.png" for kind in range(KINDS) for number in range(EACH)]
    for place, name in enumerate(names):
        (folder / name).write_bytes(square(int(name[0]), place))
    lines = [f"{a}\t{b}\t4\n" for a in names for b in names if a[0] == b[0] and a != b]
    (folder / "grades.tsv").write_text("query\timage\tgrade\n" + "".join(lines))
    run("index", folder)
    return folder


@pytest.fixture
def asked(things):
    return ("--on", "grades", "--judgements", things / "grades.tsv", *QUICK)


def test_the_last_blocks_of_a_backbone_learn_and_what_comes_of_it_answers(run, things, asked, weights, tmp_path):
    options = ("--backbone", f"small:{weights}", "--tune", "blocks", "--blocks", "2", "--tune-rate", "0.003")
    done = run.json("train", "tuned", *asked, *options)
    settings = done["model"]["settings"]
    assert settings["fine-tuned blocks"] == 2
    assert settings["backbone"] == "small:weights.pth"
    assert settings["fine-tuning steps"] <= 4
    assert done["model"]["parity"]["least_cosine"] > 0.999
    assert any("small" in note and "compared with" in note for note in done["model"]["notes"])
    folder = tmp_path / "library" / "training" / "runs" / "tuned"
    assert any("validation" in line for line in RunFolder(folder / "fine-tuning").lines())
    assert not list(folder.rglob("*.u8")), "what was only needed on the way is gone"
    run("models", "promote", "tuned", "--force")
    assert run.json("search", things / "0-0.png")["hits"][0]["source"].endswith("0-0.png")


@pytest.mark.slow
def test_fine_tuning_is_undone_where_it_does_not_help(run, asked, weights):
    options = ("--backbone", f"small:{weights}", "--tune", "full")
    done = run.json("train", "tuned", *asked, *options, "--tune-rate", "1.0")
    assert "did not help and was undone" in done["model"]["method"]
    before, after = (
        done["model"]["settings"][f"validation nDCG@10 {when} fine-tuning"] for when in ("before", "after")
    )
    assert after <= before


@pytest.fixture
def transformer(tmp_path):
    """A folder with a vision transformer of two small layers."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, patch_size=8, image_size=SIZE
    )
    torch.manual_seed(0)
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.4, 0.4, 0.4], "image_std": [0.2, 0.2, 0.2]})
    )
    return tmp_path / "vit"


def test_a_transformer_from_a_folder_is_fine_tuned(run, asked, transformer):
    done = run.json("train", "vit", *asked, "--backbone", f"vit:{transformer}", "--tune", "blocks", "--blocks", "1")
    assert done["model"]["settings"]["fine-tuned blocks"] == 1
    described = run("models", "show", "vit").stdout
    assert "vit" in described


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tune", "everything"), "choose one of head, blocks, full"),
        (("--tune", "blocks"), "choose a --backbone"),
        (("--backbone", "nobody"), "no backbone is called nobody"),
        (("--backbone", "small"), "start at random, or name a file"),
        (("--backbone", "small:missing.pth"), "there is no missing.pth"),
        (("--backbone", "small:random", "--tune", "blocks", "--blocks", "9"), "this backbone has 8"),
        (("--backbone", "resnet18-small:random", "--features", "levels"), "has no levels"),
    ],
)
def test_what_cannot_be_tuned_is_refused(run, asked, options, said):
    assert said in run("train", "tuned", *asked, *options, code=2).stderr.replace("\n", " ")


def test_several_processes_are_refused(run, asked):
    assert "without torchrun" in run("train", "tuned", *asked, code=2, WORLD_SIZE="2", RANK="0").stderr


def test_a_random_start_is_called_so_and_curves_are_written_for_tensorboard(run, asked, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = ("--backbone", "small:random", "--tune", "full", "--tensorboard")
    done = run.json("train", "fresh", *asked, *options, "--run", tmp_path / "run")
    assert done["model"]["settings"]["backbone"] == "small:random"
    assert "random start" in done["model"]["notes"][0]
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    for part, folder in (("head", tmp_path / "run"), ("fine-tuning", tmp_path / "run" / "fine-tuning")):
        for curve in ("loss", "validation"):
            expected = [(line["step"], line[curve]) for line in RunFolder(folder).lines() if curve in line]
            found = [(one.step, one.value) for one in events.Scalars(f"{part}/{curve}")]
            assert found == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected]


def test_without_tensorboard_its_install_command_is_told(run, asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    assert "pip install 'lookalike[tensorboard]'" in run("train", "tuned", *asked, "--tensorboard", code=3).stderr


@pytest.mark.slow
def test_a_run_killed_while_it_fine_tunes_goes_on_to_the_same_bits(program, asked, transformer, tmp_path):
    options = (*asked, "--backbone", f"vit:{transformer}", "--tune", "blocks", "--blocks", "1", "--tune-steps", "60")
    whole = program.json("train", "whole", *options, OMP_NUM_THREADS="1")
    metrics = tmp_path / "library" / "training" / "runs" / "killed" / "fine-tuning" / "metrics.jsonl"
    program.kill_once_written(metrics, "train", "killed", *options, OMP_NUM_THREADS="1")
    resumed = program.json("train", "killed", "--resume", *options, OMP_NUM_THREADS="1")
    assert resumed["model"]["fingerprint"] == whole["model"]["fingerprint"]
    assert np.isfinite(resumed["model"]["settings"]["validation nDCG@10 before fine-tuning"])
