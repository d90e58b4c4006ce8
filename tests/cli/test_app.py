"""What every command has: options, and a log."""

import subprocess
import sys

from parts import write_pictures


def test_the_log_is_plain_lines_where_nobody_watches(program, tmp_path):
    """Columns padded to a width that no terminal has would fill a service's journal with spaces."""
    photos = write_pictures(tmp_path / "photos", range(3))
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", "--verbose", "index", str(photos)],
        env=program.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    logged = [line for line in done.stderr.splitlines() if " INFO " in line]
    assert logged
    assert max(map(len, done.stderr.splitlines())) < 400
    assert all(line == line.rstrip() for line in done.stderr.splitlines())


def test_a_command_imports_nothing_of_the_others():
    code = (
        "import sys; from typer.main import get_command; from lookalike.cli.app import app;"
        "get_command(app).get_command(None, 'stats');"
        "print({f'lookalike.{name}' for name in ('training', 'tuning', 'serving')} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
