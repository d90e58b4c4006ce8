"""The blocks of docs/python.md and the examples run, in order, on sample pictures."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lookalike.embedding import import_model
from pictures import picture_of_kind, write_kinds
from tiny_model import write_tiny_model

ROOT = Path(__file__).parents[1]


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """A working folder with `photos/`, grades for them, and a picture to search with."""
    models = tmp_path / "models"
    import_model(write_tiny_model(tmp_path / "tiny"), models=models)
    photos = tmp_path / "work" / "photos"
    write_kinds(photos)
    (photos.parent / "cat.jpg").write_bytes(picture_of_kind(2, 99))
    monkeypatch.chdir(photos.parent)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(models))
    monkeypatch.setenv("LOOKALIKE_MODEL", "tiny")
    torch.set_num_threads(1)
    return photos.parent


def run_in_order(blocks):
    """Run code as one session would; what it leaves open is closed."""
    session = {}
    try:
        for block in blocks:
            exec(compile(block, "block", "exec"), session)  # noqa: S102 - our own documentation
    finally:
        if "library" in session:
            session["library"].close()
    return session


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


def test_the_python_of_the_readme_runs(samples, capsys):
    blocks = blocks_of(ROOT / "README.md")
    run_in_order(blocks)
    assert len(blocks) == 1
    assert len(capsys.readouterr().out.splitlines()) == 10, "a line a hit"


def test_the_blocks_of_the_python_page_run(samples, capsys):
    blocks = blocks_of(ROOT / "docs" / "python.md")
    assert len(blocks) >= 6
    session = run_in_order(blocks)
    assert len(session["hits"]) == 10
    shown = capsys.readouterr().out
    assert "132 pictures added, 0 refused" in shown
    assert "mine answers instead of tiny" in shown
    assert (samples / "pets.qrels").exists()


@pytest.mark.parametrize(
    ("name", "result_of"),
    [
        ("search_and_crop", lambda session: len(session["part"]) == 8),
        ("grade_train_promote", lambda session: session["switch"].now.name == "mine"),
    ],
)
def test_notebooks_run(samples, name, result_of):
    notebook = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in code), "no output is committed"
    session = run_in_order("".join(cell["source"]) for cell in code)
    assert result_of(session)


def test_the_whole_loop_runs_with_public_names_alone(samples):
    source = (ROOT / "examples" / "whole_loop.py").read_text()
    assert set(re.findall(r"^(?:from|import) (\S+)", source, flags=re.MULTILINE)) == {"sys", "lookalike"}
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "whole_loop.py", "photos", "photos/grades.tsv", "cat.jpg"],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mine answers now" in done.stdout
    assert "tiny answers again" in done.stdout
