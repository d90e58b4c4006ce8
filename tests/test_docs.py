"""What the documents promise is there."""

import re
from pathlib import Path

import pytest

from lookalike.cli.app import app
from lookalike.cli.output import ExitCode

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])


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
