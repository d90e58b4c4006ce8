"""`lookalike models convert`, and `models list --available`, as people type them."""

import pytest

from lookalike.embedding import available_models, describe_model
from training.network.tiny_checkpoints import checkpoint


@pytest.fixture
def own_models(tmp_path):
    return tmp_path / "own-models"


def test_a_checkpoint_is_converted_and_imported_on_another_machine(run, own_models, tmp_path):
    checkpoint("dinov2", tmp_path / "mine")
    told = run("models", "convert", "mine", "--licence", "MIT", "--out", "files", models=own_models)
    assert "mine is ready" in told.stdout
    assert "least cosine to torch" in told.stdout
    assert "models import mine.onnx" in told.stdout
    other = tmp_path / "other-machine"
    run("models", "import", "files/mine.onnx", models=other)
    here, there = (describe_model("mine", models=folder) for folder in (own_models, other))
    assert here.fingerprint == there.fingerprint
    assert "reproduced" in run("models", "show", "mine", models=other).stdout


def test_the_document_says_how_close_it_is(run, own_models, tmp_path):
    checkpoint("vit", tmp_path / "mine")
    document = run.json("models", "convert", "mine", "--name", "other", "--licence", "MIT", models=own_models)
    assert (document["name"], document["dimension"], document["files"]) == ("other", 32, None)
    assert document["parity"]["least_cosine"] > 0.9999


def test_what_is_wrong_is_said(run, own_models, tmp_path):
    checkpoint("vit", tmp_path / "mine")
    assert "under which licence" in run("models", "convert", "mine", models=own_models, code=2).stderr
    unknown = run("models", "convert", "mine", "--licence", "MIT", "--weights", "int4", models=own_models, code=2)
    assert "float32, float16, int8" in unknown.stderr


def test_models_of_the_hub_are_listed_with_what_people_choose_by(run):
    told = run("models", "list", "--available", COLUMNS="400").stdout
    for model in available_models():
        assert model.name in told
    assert "Oxford-H retrieval mAP 43.2" in told
    assert "DINOv3 License" in told
    documents = {document["name"]: document for document in run.json("models", "list", "--available")}
    assert sorted(documents) == [model.name for model in available_models()]
    small = documents["dinov2-small"]
    assert (small["megabytes"], small["dimension"], small["pulled"]) == (86.5, 384, False)
    assert small["preprocessing"]["authors"] == "shorter side to 256, central 224 x 224"
    assert documents["dinov3-base"]["hub"]["gated"]
    assert "--available" in run("models", "list").stderr


def test_one_that_is_not_here_is_shown_with_its_paper(run):
    told = run("models", "show", "pe-core-base").stdout
    for fact in ("arXiv:2504.13181", "375 MB", "timm/vit_pe_core_base_patch16_224.fb", "ImageNet-1k zero-shot 78.4"):
        assert fact in told
    assert run.json("models", "show", "pe-core-base")["measured"]["ImageNet-V2 zero-shot"] == 71.7


def test_pulling_without_a_network_says_one_sentence(run):
    told = run("models", "pull", "dinov2-small", code=3, HF_ENDPOINT="http://127.0.0.1:1").stderr
    assert told.count("\n") == 1
    assert "could not fetch facebook/dinov2-small" in told
    assert "`lookalike models convert FOLDER --name dinov2-small`" in told
