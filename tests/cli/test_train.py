"""`lookalike train` and `lookalike adapt`: from what people said to a model that answers, and what is refused."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from lookalike.catalog import Catalog, QueryRecord, content_id, sqlite_url
from lookalike.embedding import Projection
from lookalike.types import Interaction, InteractionKind
from pictures import write_kinds

KINDS, EACH = 6, 22
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
QUICK = ("--learning-rate", "0.02", "--steps", "40", "--held-out", "0.2", "--resamples", "200")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two test processes share the machine, and sums do not depend on how work is split."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def things(tmp_path, run):
    """132 pictures of six kinds, indexed, with a grade 4 for every two of one kind, and a table of kinds."""
    folder = write_kinds(tmp_path / "things", kinds=KINDS, each=EACH)
    run("index", folder)
    return folder


def measure(document, name, held_out="grades"):
    rows = document["model"]["measures"]
    return next(row for row in rows if (row["measure"], row["held_out"]) == (name, held_out))


def test_a_model_learns_from_grades_and_then_answers(run, things):
    done = run.json("train", "better", "--on", "grades", "--judgements", things / "grades.tsv", *QUICK)
    gain = measure(done, "nDCG@10")
    assert gain["low"] > 0
    assert run.json("stats")["model"]["name"] == "tiny", "it waits"
    held_out = done["held_out"]["grades"]
    promoted = run.json("models", "promote", "better", "--judgements", held_out)
    assert promoted["comparisons"]["nDCG@10"]["first"] == pytest.approx(gain["new"], abs=0.01)
    assert run.json("stats")["model"]["name"] == "better"
    card = run.json("models", "show", "better")["card"]
    assert (card["base"], card["images"]["tested"] > 10) == ("tiny", True)
    assert "grades" in run("models", "show", "better").stdout


def test_a_run_leaves_a_report_with_curves(run, things, tmp_path):
    shown = run("train", "better", "--on", "grades", "--judgements", things / "grades.tsv", *QUICK).stdout
    assert "lookalike models promote better --judgements" in shown.replace("\n", " ")
    assert "nDCG@10" in shown
    folder = tmp_path / "library" / "training" / "runs" / "better"
    assert {"REPORT.md", "report.json", "curves.svg", "held-out-grades.tsv"} <= {one.name for one in folder.iterdir()}
    assert json.loads((folder / "report.json").read_text())["name"] == "better"
    again = run("train", "better", "--on", "grades", "--judgements", things / "grades.tsv", *QUICK, code=2)
    assert "there is a run in this folder" in again.stderr
    other = (*QUICK[:2], "--steps", "41", *QUICK[4:])
    changed = run(
        "train", "better", "--resume", "--on", "grades", "--judgements", things / "grades.tsv", *other, code=2
    )
    assert "cannot be resumed with other settings" in changed.stderr


def test_a_teacher_must_be_another_model_that_is_here(run, things):
    itself = run("train", "pupil", "--on", "teacher", "--teacher", "tiny", *QUICK, code=2)
    assert "choose a larger teacher" in itself.stderr
    missing = run("train", "pupil", "--on", "teacher", "--teacher", "nobody", *QUICK, code=2)
    assert "nobody" in missing.stderr


def click_log(things, library, *, simulated):
    """Every third image asks and gets its kind's others and strangers; each pair is clicked in two searches."""
    ids = {name.name: content_id(name.read_bytes()) for name in sorted(things.glob("*.png"))}
    with Catalog.open(sqlite_url(library / "catalog.sqlite"), originals=library / "originals") as catalog:
        for name, image_id in ids.items():
            own = [ids[f"{name[0]}-{number}.png"] for number in range(EACH) if f"{name[0]}-{number}.png" != name]
            others = [other for other_name, other in ids.items() if other_name[0] != name[0]][::17]
            shown = [*others[:2], *own[:8]]
            for turn in range(2):
                query = f"{name} {turn}"
                catalog.queries.write(
                    [QueryRecord(id=query, generation="g", ranked_ids=tuple(shown), at=NOON, image_id=image_id)]
                )
                catalog.interactions.write(
                    [
                        Interaction(
                            event_id=f"{query} {kind} {place}",
                            query_id=query,
                            image_id=shown[place],
                            position=place + 1,
                            kind=kind,
                            at=NOON,
                            simulated=simulated,
                        )
                        for kind, places in (
                            (InteractionKind.IMPRESSION, range(10)),
                            (InteractionKind.CLICK, range(2, 10)),
                        )
                        for place in places
                    ]
                )


def test_a_model_learns_from_clicks_and_simulated_ones_are_called_so(run, things, tmp_path):
    click_log(things, tmp_path / "library", simulated=True)
    refused = run("train", "better", "--on", "clicks", *QUICK, code=2)
    assert "simulated" in refused.stderr
    asked = ("--on", "clicks", "--include-simulated", "--judgements", things / "grades.tsv")
    done = run.json("train", "better", *asked, "--run", tmp_path / "run", *QUICK)
    assert measure(done, "nDCG@10")["low"] > 0
    assert measure(done, "MRR", "clicks")["new"] > 0
    assert any(label["simulated"] for label in done["model"]["labels"])
    assert "simulated" in (tmp_path / "run" / "REPORT.md").read_text()


def test_a_click_further_down_may_weigh_more(run, things, tmp_path):
    click_log(things, tmp_path / "library", simulated=False)
    looked_at = tmp_path / "looked at.txt"
    looked_at.write_text("1\n1\n1\n0.1\n")
    plain = run.json("train", "plain", "--on", "clicks", *QUICK)
    weighed = run.json("train", "weighed", "--on", "clicks", "--position-bias", looked_at, *QUICK)
    assert weighed["model"]["settings"]["position bias"] == str(looked_at)
    assert weighed["model"]["fingerprint"] != plain["model"]["fingerprint"]
    looked_at.write_text("1\n0\n")
    refused = run("train", "other", "--on", "clicks", "--position-bias", looked_at, *QUICK, code=2)
    assert "rank 2" in refused.stderr


def test_sources_can_be_mixed(run, things, tmp_path):
    click_log(things, tmp_path / "library", simulated=False)
    asked = ("--on", "grades=2,clicks=1,views", "--judgements", things / "grades.tsv")
    done = run.json("train", "better", *asked, *QUICK)
    assert {label["source"] for label in done["model"]["labels"]} == {"grades", "clicks", "views"}
    assert measure(done, "nDCG@10")["low"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--on", "wishes"), "choose grades, clicks, views or teacher"),
        (("--on", "grades=0"), "must be above 0"),
        (("--on", "grades=much"), "not a number"),
        (("--on", "grades"), "there is nothing to learn"),
        (("--on", "clicks"), "no pair is left to learn from"),
        (("--on", "views", "--features", "levels"), "only available for"),
        (("--on", "views", "--features", "all"), "choose one of auto, final, levels"),
        (("--on", "clicks", "--position-bias", "nowhere"), "cannot be read"),
        (("--on", "views", "--split-by", "kinds"), "give a table and one of its columns"),
        (("--on", "views", "--from", "unknown"), "no model is called"),
    ],
)
def test_what_cannot_be_learnt_is_refused(run, things, arguments, said):
    assert said in run("train", "better", *arguments, *QUICK, code=2).stderr.replace("\n", " ")


def test_a_name_that_comes_with_lookalike_is_refused(run, things, tmp_path):
    asked = ("--on", "grades", "--judgements", things / "grades.tsv", *QUICK)
    assert "included in lookalike" in run("train", "clip-vit-b16", *asked, code=2).stderr
    assert "choose another name" in run("train", "tiny", *asked, code=2).stderr
    assert "included in lookalike" in run("adapt", "clip-vit-b16", code=2).stderr
    assert not (tmp_path / "library" / "training").exists(), "nothing was described"


def test_a_model_is_fitted_without_labels(run, things):
    done = run.json("adapt", "fitted", "--dimension", "24", "--judgements", things / "grades.tsv", "--resamples", "200")
    assert done["model"]["images"]["trained"] == KINDS * EACH
    assert measure(done, "mAP")["queries"] == KINDS * EACH
    assert run.json("models", "promote", "fitted", "--force")["model"]["dimension"] == 24
    assert run.json("search", things / "0-0.png")["hits"]


def test_too_few_images_to_fit_a_model_are_said(run, things):
    levels = run("adapt", "fitted", "--dimension", "24", "--features", "levels", code=2)
    assert "only available for" in levels.stderr.replace("\n", " ")
    assert "choose one of" in run("adapt", "fitted", "--features", "all", code=2).stderr
    refused = run("adapt", "fitted", "--dimension", "30", "--most-images", "100", code=2)
    assert "100 images are too few to fit 30 dimensions" in refused.stderr


def test_a_library_too_small_for_axes_of_its_own_keeps_those_of_the_model(run, things, models):
    run("adapt", "fitted", "--dimension", "24")
    before = run.json("models", "show", "fitted")
    done = run.json("adapt", "centred", "--from", "fitted", "--most-images", "60")
    assert done["model"]["images"]["trained"] == 60
    assert "centred on 60 images" in run.json("models", "show", "centred")["summary"]
    assert done["model"]["fingerprint"] != before["fingerprint"]
    first, second = (Projection.load(models / name / "projection.npz") for name in ("fitted", "centred"))
    assert np.array_equal(first.matrix, second.matrix)
    assert not np.array_equal(first.mean, second.mean)
    assert "40 images are too few" in run("adapt", "few", "--from", "fitted", "--most-images", "40", code=2).stderr


def test_advice_can_be_pasted(run, things, tmp_path):
    library = tmp_path / "my library"
    run("index", things, "--library", library)
    shown = run("adapt", "fitted", "--dimension", "24", "--library", library).stdout
    assert f"`lookalike models promote fitted --library '{library}'`" in shown


@pytest.fixture
def without_torch(tmp_path):
    """What makes a program believe that torch is not installed."""
    folder = tmp_path / "without-torch"
    folder.mkdir()
    (folder / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    return {"PYTHONPATH": str(folder)}


def test_what_was_trained_serves_without_torch(run, program, things, without_torch):
    run("train", "better", "--on", "grades", "--judgements", things / "grades.tsv", *QUICK)
    told = program("train", "other", "--on", "views", code=3, **without_torch)
    assert "pip install 'lookalike[training]'" in told.stderr
    program("adapt", "fitted", "--dimension", "24", **without_torch)
    program("models", "promote", "better", "--force", **without_torch)
    hits = program.json("search", things / "0-0.png", **without_torch)["hits"]
    assert hits[0]["source"].endswith("0-0.png")
    assert program.json("models", "show", "better", **without_torch)["card"]["base"] == "tiny"


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits(program, things, tmp_path):
    asked = ("--on", "grades,views", "--judgements", things / "grades.tsv", "--steps", "400", *QUICK[4:])
    whole = program.json("train", "whole", *asked)
    command = [sys.executable, "-m", "lookalike", *map(str, ("train", "killed", *asked))]
    metrics = tmp_path / "library" / "training" / "runs" / "killed" / "metrics.jsonl"
    started = subprocess.Popen(
        command, env=program.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    deadline = time.monotonic() + 120
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.wait(60)
    resumed = program.json("train", "killed", "--resume", *asked)
    assert resumed["model"]["fingerprint"] == whole["model"]["fingerprint"]
