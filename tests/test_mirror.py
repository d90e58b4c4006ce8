"""The suite's shape: tests stand where their module does, and assert in every run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "lookalike"
SHARE = 0.64
"""Of modules with a test of their name at the mirrored path. Raise it when more have one; never lower it."""


def modules() -> list[Path]:
    """Paths of the package's modules below it, without `__init__.py` and the catalog's migrations."""
    found = (path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
    return [path for path in found if "migrations" not in path.parts]


def has_test(module: Path) -> bool:
    return (TESTS / module.parent / f"test_{module.name}").exists()


def is_assertion(node: ast.AST) -> bool:
    """`assert`, `pytest.raises(...)`, `np.testing.assert_...(...)`."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Assert)
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return called.startswith("assert_") or called == "raises"


def conditional_assertions(tree: ast.AST) -> Iterator[int]:
    """Lines of assertions that a run may skip without failing."""
    for branch in ast.walk(tree):
        if isinstance(branch, ast.If):
            yield from (node.lineno for node in ast.walk(branch) if is_assertion(node))


def test_most_modules_have_a_test_at_the_mirrored_path():
    without = sorted(str(module) for module in modules() if not has_test(module))
    share = 1 - len(without) / len(modules())
    assert share >= SHARE, "no test at the mirrored path:\n" + "\n".join(without)


def test_no_assertion_stands_behind_an_if():
    found = {
        str(path.relative_to(TESTS)): sorted(set(conditional_assertions(ast.parse(path.read_text()))))
        for path in TESTS.rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("if kept:\n    assert kept > 1", [2]),
        ("if kept:\n    pass\nelse:\n    np.testing.assert_allclose(a, b)", [4]),
        ("for one in every:\n    if one:\n        with pytest.raises(ValueError):\n            one()", [3]),
        ("assert [one for one in every if one]", []),
        ("if not root:\n    pytest.skip('needs root')\nassert done", []),
    ],
)
def test_what_counts_as_behind_an_if(source, lines):
    assert sorted(set(conditional_assertions(ast.parse(source)))) == lines
