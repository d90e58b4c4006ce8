"""Terminals, pipes, encodings and machines as people have them."""

import os
import pty
import re
import subprocess
import sys

import pytest
import typer.main

from doubles import picture
from lookalike.cli.app import app


def commands(command, path=()):
    yield path, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*path, name))


def words(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_no_help_text_loses_what_stands_in_brackets(run, columns):
    for path, command in commands(typer.main.get_command(app)):
        shown = words(run(*path, "--help", COLUMNS=columns).stdout)
        texts = [command.help, *(getattr(one, "help", None) for one in command.params)]
        lost = [text for text in texts if text and words(text) not in shown]
        assert lost == [], path
        assert (
            "..." not in shown.replace("NAME,...", "").replace("COLUMN,...", "").replace("COMMAND[ARGS]...", "") or path
        )


@pytest.mark.parametrize("encoding", [pytest.param("ascii", marks=pytest.mark.slow), "cp1252", "utf-8"])
def test_names_that_the_output_cannot_show_come_out_as_escapes(program, tmp_path, encoding):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(["plain.png", "\U0001f411.png", "日本.png"]):
        (photos / name).write_bytes(picture(number))
    program("index", photos, "-v", PYTHONIOENCODING=encoding)
    shown = program("search", photos / "plain.png", PYTHONIOENCODING=encoding).stdout
    assert ("日本.png" if encoding == "utf-8" else "\\u65e5\\u672c.png") in shown
    missing = program("index", photos / "\U0001f411", code=2, PYTHONIOENCODING=encoding)
    assert "there is no such file or folder" in missing.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("models", "list"), ("models", "list", "--json")])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(program, arguments):
    line = f"{sys.executable} -m lookalike {' '.join(arguments)} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env=program.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_gets_whole_lines(program):
    shown = program("models", "list", COLUMNS="40").stdout
    described = next(line for line in shown.splitlines() if line.startswith("efficientnet-lite0"))
    assert described.rstrip().endswith("less well")
    assert "…" not in shown


def test_a_narrow_terminal_cuts_nothing(program):
    shown = []

    def read(descriptor):
        shown.append(os.read(descriptor, 4096))
        return shown[-1]

    command = [sys.executable, "-m", "lookalike", "models", "list"]
    environment = {**program.environment(), "COLUMNS": "40", "TERM": "xterm"}
    child = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
    assert pty.spawn(child, read) == 0
    text = b"".join(shown).decode()
    assert "…" not in text
    assert "less well" in text


def test_a_user_without_a_home_folder(program, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.png").write_bytes(picture(1))
    library = tmp_path / "library"
    homeless = {
        name: value for name, value in program.environment().items() if name not in {"HOME", "LOOKALIKE_LIBRARY"}
    }

    def start(*arguments):
        nobody = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
        return subprocess.run(
            [*nobody, sys.executable, "-m", "lookalike", *arguments],
            env=homeless, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody be another user")
    assert start("--help").returncode == 0
    refused = start("stats")
    assert refused.returncode == 2
    assert "LOOKALIKE_LIBRARY" in refused.stderr
    assert start("index", photos, "--library", library).returncode == 0
    del homeless["LOOKALIKE_MODELS"]
    packaged = start("index", photos, "--library", tmp_path / "other", "--model", "lookalike-small")
    assert packaged.returncode == 0, packaged.stderr
    assert (tmp_path / "other" / "models" / "lookalike-small").is_dir()


def test_a_file_named_like_a_home_folder(run, tmp_path):
    (tmp_path / "~x.png").write_bytes(picture(1))
    run("index", "~x.png")
    assert run.json("search", "~x.png")["hits"]


def test_no_folder_for_temporary_files(program, tmp_path, monkeypatch):
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/proc']\n", encoding="utf-8"
    )
    script = (
        "import tempfile; from pathlib import Path; from lookalike.library.opening import open_library;"
        "from lookalike.settings import load_settings\n"
        "with open_library(load_settings({'library': Path('library')}), create=True):\n"
        "    with tempfile.TemporaryFile() as file: file.write(b'x' * 2_000_000)\n"
        "    print(Path(tempfile.gettempdir()).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**program.environment(), "PYTHONPATH": f"{hook}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() == "library", done.stderr


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_settings_as_editors_save_them(program, tmp_path, mark):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "library.toml").write_bytes(mark + b'port = 9001\r\nhost = "127.0.0.1"\r\n')
    told = program("stats", code=3).stderr
    assert "there is no library" in told
    (tmp_path / "library" / "library.toml").write_bytes("port = 9001".encode("utf-16"))
    assert "UTF-8" in program("stats", code=2).stderr
