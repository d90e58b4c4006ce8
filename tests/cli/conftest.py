import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from doubles import picture
from lookalike.cli.app import app
from lookalike.embedding import import_model
from parts import write_pictures
from tiny_model import write_tiny_model

SHADES = 3


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    import_model(write_tiny_model(tmp_path_factory.mktemp("tiny")), models=folder)
    return folder


@pytest.fixture
def program(tmp_path, models):
    """Start the program as a user does, which takes a second.

    `program.json` parses its document; `program.kill_once_written` kills it as soon as a file has something in it.
    """

    def start(*arguments, code=0, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            env=program_environment(tmp_path, models, **environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    start.json = lambda *arguments, **options: json.loads(start(*arguments, "--json", **options).stdout)
    start.environment = lambda **more: program_environment(tmp_path, models, **more)

    def kill_once_written(file, *arguments, **environment):
        started = subprocess.Popen(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            env=start.environment(**environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        deadline = time.monotonic() + 240
        while not file.exists() or not file.read_text():
            assert started.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started.send_signal(signal.SIGKILL)
        started.wait(60)

    start.kill_once_written = kill_once_written
    return start


def program_environment(tmp_path, models, **more):
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LOOKALIKE_LIBRARY": str(tmp_path / "library"),
        "LOOKALIKE_MODELS": str(models),
        "LOOKALIKE_MODEL": "tiny",
        "PYTHONWARNINGS": "error::DeprecationWarning:lookalike",
        **more,
    }


@pytest.fixture
def photos(tmp_path):
    return write_pictures(tmp_path / "photos", range(12))


@pytest.fixture
def run(tmp_path, models, monkeypatch):
    """The same without a new process."""
    monkeypatch.chdir(tmp_path)

    def start(*arguments, code=0, models=models, **environment):
        given = program_environment(tmp_path, models, **{"COLUMNS": "120", **environment})
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=given)
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr, done.exception)
        return SimpleNamespace(stdout=done.stdout, stderr=done.stderr)

    start.json = lambda *arguments, **options: json.loads(start(*arguments, "--json", **options).stdout)
    return start


@pytest.fixture
def shop(tmp_path, run):
    """Twelve kinds of pictures in three grainy versions each, indexed; grades say that versions belong together."""
    folder = tmp_path / "shop"
    for noise in range(SHADES):
        for seed in range(12):
            folder.mkdir(exist_ok=True)
            (folder / f"{seed}-{noise}.png").write_bytes(picture(seed, noise=1 + 40 * noise))
    run("index", folder)
    lines = [f"{seed}-0.png 0 {seed}-{noise}.png {5 - noise}\n" for seed in range(12) for noise in range(SHADES)]
    (folder / "grades.qrels").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def two_models(tmp_path_factory):
    """The tiny model, and one that sees next to nothing."""
    folder, files = tmp_path_factory.mktemp("two-models"), tmp_path_factory.mktemp("files")
    import_model(write_tiny_model(files), models=folder)
    import_model(write_tiny_model(files, name="blind", dimension=1), models=folder)
    return folder
