"""What the documents promise is there."""

import ast
import re
from pathlib import Path

import pytest

from lookalike.cli.app import app
from lookalike.cli.output import ExitCode

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
PACKAGE = PROJECT / "src" / "lookalike"
_OWNERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
IN_CODE = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", ARCHITECTURE, flags=re.DOTALL))
FILES = {span for span in IN_CODE if span.endswith((".py", ".toml", "/"))} - {"snapshots/set-aside/"}  # in a library


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_names_every_command_and_exit_code():
    readme = (PROJECT / "README.md").read_text()
    commands = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert [name for name in commands if f"lookalike {name}" not in readme] == []
    assert [code for code in ExitCode if f"| {int(code)} |" not in readme] == []


def test_every_make_target_of_the_readme_exists():
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^\$ make (\w+)", (PROJECT / "README.md").read_text(), re.MULTILINE))
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_file_and_folder_of_the_architecture_exists(path):
    name = path.rstrip("/")
    assert (PROJECT / name).exists() or [one for one in PACKAGE.rglob("*") if one.as_posix().endswith(f"/{name}")]


@pytest.mark.parametrize("name", sorted({span for span in IN_CODE if re.fullmatch(r"\w+(\(\))?", span)}))
def test_every_name_of_the_architecture_is_defined(name, defined):
    assert name.removesuffix("()") in defined


@pytest.mark.parametrize("name", sorted({span for span in IN_CODE if re.fullmatch(r"\w+\.\w+", span)} - FILES))
def test_every_member_of_the_architecture_is_defined(name, defined):
    owner, member = name.split(".")
    assert member in defined[owner]


def test_every_layer_of_the_architecture_is_a_part():
    (layers,) = [span for span in IN_CODE if " > " in span]
    assert {name for name in re.split(r"[\s>|]+", layers) if not list(PACKAGE.glob(f"{name}*"))} == set()


@pytest.fixture(scope="module")
def defined() -> dict[str, set[str]]:
    """The members of each module, package and class of lookalike; other names that are defined have none."""
    names: dict[str, set[str]] = {"lookalike": set()}
    for path in PACKAGE.rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        owner = path.parent.name if path.name == "__init__.py" else path.stem
        names.setdefault(owner, set()).update(_bound(module))
        for node in ast.walk(module):
            names |= {name: names.get(name, set()) for name in _bound(node)}
            if isinstance(node, ast.ClassDef):
                names[node.name] |= _bound(node)
    return names


def _bound(node: ast.AST) -> set[str]:
    """The names that the body of a module, class or function defines or imports."""
    bound: set[str] = set()
    for one in node.body if isinstance(node, _OWNERS) else ():
        if isinstance(one, _OWNERS) and not isinstance(one, ast.Module):
            bound.add(one.name)
        elif isinstance(one, ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in one.names}
        elif isinstance(one, ast.Assign):
            bound |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    return bound
