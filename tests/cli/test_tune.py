import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from lookalike.cli.app import app
from parts import hear_ctrl_c, write_pictures


class Commands:
    """The program without a new process for each command, which would take longer than the command."""

    def __init__(self, environment):
        self._environment = environment

    def __call__(self, *arguments, code=0):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=self._environment)
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr, done.exception)
        return done

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def command(tmp_path_factory, models):
    """Commands on a library of 300 pictures, indexed once."""
    folder = tmp_path_factory.mktemp("many")
    environment = {
        "HOME": str(folder),
        "LOOKALIKE_LIBRARY": str(folder / "library"),
        "LOOKALIKE_MODELS": str(models),
        "LOOKALIKE_MODEL": "tiny",
    }
    commands = Commands(environment)
    commands("index", write_pictures(folder / "photos", range(300), size=(32, 32)))
    commands.library = folder / "library"
    return commands


@pytest.fixture
def choice(command):
    path = command.library / "index-choice.json"
    path.unlink(missing_ok=True)
    return path


def test_the_choice_is_published_kept_and_obeyed(command, choice):
    tuned = command.json("tune", "--recall", "0.9", "--backends", "faiss-ivfpq")
    assert tuned["chosen"]["backend"] == "faiss-ivfpq"
    assert tuned["chosen"]["checked"]["mean"] >= 0.9
    stats = command.json("stats")
    assert (stats["snapshot"]["number"], stats["snapshot"]["backend"]) == (tuned["snapshot"], "faiss-ivfpq")
    assert stats["index_choice"]["recall_at_10"] == tuned["chosen"]["checked"]["mean"]

    more = write_pictures(choice.parent.parent / "more", range(1_000, 1_003), size=(32, 32))
    indexed = command.json("index", more, "--live-recall")
    assert indexed["snapshot"] == tuned["snapshot"] + 1
    assert command.json("stats")["snapshot"]["backend"] == "faiss-ivfpq"
    assert indexed["live_recall"]["backend"] == "faiss-ivfpq"
    assert indexed["live_recall"]["recall_at_10"] > 0.85
    assert indexed["live_recall"]["queries"] == 303

    choice.unlink()
    write_pictures(choice.parent.parent / "more", range(1_003, 1_004), size=(32, 32))
    said = command("index", more, "--live-recall").stdout
    assert "recall@10 of the index against exact search: 1.0000" in said
    assert command.json("stats")["snapshot"]["backend"] == "exact"


def test_what_people_read_and_a_plot(command, choice, tmp_path):
    said = command("tune", "--dry-run", "--plot", tmp_path / "front.svg").stdout
    words = " ".join(said.split())
    chosen = next(line for line in said.splitlines() if line.startswith("→"))
    assert chosen.split()[1] in {"exact", "faiss-ivfpq", "ivf-flat", "ivf-pq", "ivf-rabitq", "hnsw"}
    assert max(map(len, said.splitlines()[:-4])) <= 80
    assert "is the fastest that keeps to recall@10 of 0.95: it finds" in words
    assert "that is its promise" in words
    assert "Nothing was changed (--dry-run)" in words
    assert not choice.exists()
    assert "<svg" in (tmp_path / "front.svg").read_text()
    command("tune", "--dry-run", "--backends", "exact", "--plot", tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_goals_out_of_reach_change_nothing(command, choice):
    before = command.json("stats")["snapshot"]["number"]
    told = command("tune", "--memory", "10B", "--backends", "faiss-ivfpq", code=2)
    assert "No index fits into 10 B" in told.stderr
    assert "Nothing was changed" in told.stderr
    document = command.json("tune", "--memory", "10B", "--backends", "faiss-ivfpq", code=2)
    assert (document["error"], document["chosen"], document["snapshot"]) == ("goals-not-met", None, None)
    assert document["measured"]
    assert not choice.exists()
    assert command.json("stats")["snapshot"]["number"] == before


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
def test_what_is_written_wrongly_is_refused_before_anything_is_measured(command, choice, arguments, message):
    refused = command("tune", *arguments, code=2)
    assert message in " ".join(refused.stderr.split())
    assert refused.stdout == ""
    assert not choice.exists()


def test_too_few_images_and_no_library(command, photos, tmp_path):
    assert "lookalike index" in command("tune", "--library", tmp_path / "none", code=3).stderr
    command("index", photos, "--library", tmp_path / "few")
    assert "12 images are too few" in command("tune", "--library", tmp_path / "few", code=2).stderr


def test_ctrl_c_leaves_the_old_choice(program, command, choice):
    choice.write_text("{}")
    tuning = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "tune", "--library", str(command.library)],
        env=program.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
    )
    while not list(command.library.glob("snapshots/tmp-*")):
        assert tuning.poll() is None
    tuning.send_signal(signal.SIGINT)
    _, stderr = tuning.communicate(timeout=60)
    assert tuning.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert choice.read_text() == "{}"
    command("tune", "--library", command.library)  # what an interruption at a bad moment left is deleted by the next
    assert list(command.library.glob("snapshots/tmp-*")) == []
