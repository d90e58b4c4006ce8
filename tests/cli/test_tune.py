import json
import signal
import subprocess
import sys

import pytest

from parts import write_pictures


@pytest.fixture(scope="module")
def library_of_many(tmp_path_factory, models):
    """A library of 300 pictures, indexed once."""
    folder = tmp_path_factory.mktemp("many")
    photos = write_pictures(folder / "photos", range(300), size=(32, 32))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LOOKALIKE_MODELS": str(models),
        "LOOKALIKE_MODEL": "tiny",
    }
    library = folder / "library"
    command = [sys.executable, "-m", "lookalike", "index", str(photos), "--library", str(library)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    return library


@pytest.fixture
def tune(run, library_of_many):
    def start(*arguments, **options):
        return run("tune", "--library", library_of_many, "--budget", "20s", *arguments, **options)

    start.json = lambda *arguments, **options: json.loads(start(*arguments, "--json", **options).stdout)
    return start


@pytest.fixture
def choice(library_of_many):
    path = library_of_many / "index-choice.json"
    path.unlink(missing_ok=True)
    return path


def test_the_choice_is_published_kept_and_obeyed(tune, run, choice, library_of_many):
    tuned = tune.json("--recall", "0.9", "--backends", "faiss-ivfpq")
    assert tuned["chosen"]["backend"] == "faiss-ivfpq"
    assert tuned["chosen"]["checked"]["mean"] >= 0.9
    stats = run.json("stats", "--library", library_of_many)
    assert (stats["snapshot"]["number"], stats["snapshot"]["backend"]) == (tuned["snapshot"], "faiss-ivfpq")
    assert stats["index_choice"]["recall_at_10"] == tuned["chosen"]["checked"]["mean"]

    more = write_pictures(choice.parent.parent / "more", range(1_000, 1_003), size=(32, 32))
    indexed = run.json("index", more, "--library", library_of_many, "--live-recall")
    assert indexed["snapshot"] == tuned["snapshot"] + 1
    assert run.json("stats", "--library", library_of_many)["snapshot"]["backend"] == "faiss-ivfpq"
    assert indexed["live_recall"]["backend"] == "faiss-ivfpq"
    assert indexed["live_recall"]["recall_at_10"] > 0.85
    assert indexed["live_recall"]["queries"] == 303

    choice.unlink()
    write_pictures(choice.parent.parent / "more", range(1_003, 1_004), size=(32, 32))
    said = run("index", more, "--library", library_of_many, "--live-recall").stdout
    assert "recall@10 of the index against exact search: 1.0000" in said
    assert run.json("stats", "--library", library_of_many)["snapshot"]["backend"] == "exact"


def test_what_people_read_and_a_plot(tune, choice, tmp_path):
    said = tune("--dry-run", "--plot", tmp_path / "front.svg", COLUMNS="250").stdout
    words = " ".join(said.split())
    assert "→" in said
    assert "is the fastest that keeps to recall@10 of 0.95: it finds" in words
    assert "that is its promise" in words
    assert "Nothing was changed (--dry-run)" in words
    assert not choice.exists()
    assert "<svg" in (tmp_path / "front.svg").read_text()
    tune("--dry-run", "--backends", "exact", "--plot", tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_goals_out_of_reach_change_nothing(tune, run, choice, library_of_many):
    before = run.json("stats", "--library", library_of_many)["snapshot"]["number"]
    told = tune("--memory", "10B", code=2, COLUMNS="250")
    assert "No index fits into 10 B" in told.stderr
    assert "Nothing was changed" in told.stderr
    document = tune.json("--memory", "10B", code=2)
    assert (document["error"], document["chosen"], document["snapshot"]) == ("goals-not-met", None, None)
    assert document["measured"]
    assert not choice.exists()
    assert run.json("stats", "--library", library_of_many)["snapshot"]["number"] == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recall", "1.5"], "above 0 and at most 1"),
        (["--recall", "nan"], "above 0 and at most 1"),
        (["--memory", "lots"], "500MB, 2GB"),
        (["--latency", "1"], "its unit"),
        (["--budget", "soon"], "--budget"),
        (["--backends", "exact,hnws"], "no index 'hnws'"),
        (["--plot", "front.txt"], ".svg, .png"),
        (["--plot", "no/such/front.svg"], "no folder"),
    ],
)
def test_what_is_written_wrongly_is_refused_before_anything_is_measured(tune, choice, arguments, message):
    refused = tune(*arguments, code=2, COLUMNS="250")
    assert message in refused.stderr
    assert refused.stdout == ""
    assert not choice.exists()


def test_too_few_images_and_no_library(run, photos, tmp_path):
    assert "lookalike index" in run("tune", "--library", tmp_path / "none", code=3).stderr
    run("index", photos)
    assert "12 images are too few" in run("tune", code=2, COLUMNS="250").stderr


def test_ctrl_c_leaves_the_old_choice(run, choice, library_of_many):
    choice.write_text("{}")
    tuning = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "tune", "--library", str(library_of_many)],
        env=run.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(library_of_many.glob("snapshots/tmp-*")):
        assert tuning.poll() is None
    tuning.send_signal(signal.SIGINT)
    _, stderr = tuning.communicate(timeout=60)
    assert tuning.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert choice.read_text() == "{}"
    assert list(library_of_many.glob("snapshots/tmp-*")) == []
