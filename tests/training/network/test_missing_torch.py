"""Training where torch is not installed."""

import subprocess
import sys

import pytest

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; "


def run(program):
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH + program], capture_output=True, text=True, check=False)


def test_a_missing_torch_is_named_with_what_to_install():
    ended = run("import lookalike.training.network.head")
    assert "DependencyMissing" in ended.stderr
    assert "pip install 'lookalike[training]'" in ended.stderr


@pytest.mark.parametrize("part", ["examples", "views", "whitening"])
def test_what_needs_no_torch_works_without(part):
    ended = run(f"import lookalike.training.{part}")
    assert ended.returncode == 0, ended.stderr
