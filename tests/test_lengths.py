"""How long a function or a class of the package may be: what is longer is several things, and reads better as such."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lookalike"
FUNCTION = 60
"""Lines at most; aim at 40, which are a screen."""
CLASS = 250


def lengths(kinds):
    """(`file: name`, lines from the first line of the signature) of each."""
    return [
        (f"{path.relative_to(SOURCE).as_posix()}: {node.name}", node.end_lineno - node.lineno + 1)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "most"), [((ast.FunctionDef, ast.AsyncFunctionDef), FUNCTION), ((ast.ClassDef,), CLASS)]
)
def test_nothing_is_too_long(kinds, most):
    found = lengths(kinds)
    assert len(found) > 500
    assert [(name, lines) for name, lines in found if lines > most] == []
