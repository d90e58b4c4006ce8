from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from lookalike.cli.option_groups import takes


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What to say."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Who is greeted.")]
    times: Annotated[int, typer.Option(min=1, help="How often.")] = 2
    loud: Annotated[bool, typer.Option("--loud", help="Shout.")] = False


app = typer.Typer()


@app.command()
@takes(Greeting)
def greet(greeting: Greeting) -> None:
    """Greet somebody."""
    typer.echo(" ".join([greeting.name.upper() if greeting.loud else greeting.name] * greeting.times))


def said(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments)).output


def test_a_command_takes_the_fields_of_a_dataclass_with_their_defaults():
    assert said("ada") == "ada ada\n"
    assert said("ada", "--loud", "--times", "1") == "ADA\n"


def test_its_help_is_that_of_the_function_and_of_the_fields():
    shown = said("--help")
    for text in ("Greet somebody.", "Who is greeted.", "How often.", "--loud"):
        assert text in shown


def test_what_is_missing_or_out_of_range_is_refused():
    assert "NAME" in said()
    assert "--times" in said("ada", "--times", "0")
