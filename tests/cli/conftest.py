import json
import os
import subprocess
import sys

import pytest

from lookalike.embedding import import_model
from parts import write_pictures
from tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    import_model(write_tiny_model(tmp_path_factory.mktemp("tiny")), models=folder)
    return folder


@pytest.fixture
def run(tmp_path, models):
    """Start the program as a user does; `run.json` parses its document."""

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
