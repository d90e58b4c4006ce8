"""Imports stand at the top of a file; the few that do not have a reason. Packages are loaded late by `on_demand`."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "lookalike"

LATE = {
    "library/train.py": {"lookalike.library.train_head"},  # torch is an extra
    "library/adapt.py": {"lookalike.library.levels"},  # likewise
    "library/convert.py": {"lookalike.training.network.converting"},  # likewise
    "embedding/registry.py": {"lookalike.embedding.conversion"},  # onnx takes long to import, and only `pull` needs it
    "cli/serve.py": {"lookalike.serving"},  # FastAPI takes a third of the time in which any other command starts
}
"""File -> modules that it imports inside functions: five at most."""


def late_imports(path):
    """The modules that functions of a file import."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = set()
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom):
                found.add(node.module)
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return found


def test_only_known_imports_are_late():
    found = {path.relative_to(SOURCE).as_posix(): late_imports(path) for path in SOURCE.rglob("*.py")}
    assert {name: modules for name, modules in found.items() if modules} == LATE
