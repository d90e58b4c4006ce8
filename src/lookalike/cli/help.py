"""How commands are found and listed: each is imported when it is asked for."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class CommandGroup(TyperGroup):
    """Commands with the whole first sentence of what they do, wrapped instead of cut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=1_000))
                    for name, command in commands
                    if command is not None and not command.hidden
                ]
            )


class ImportedCommands(Mapping[str, Any]):
    """The commands of a group by name, each imported when it is first asked for, since most imports serve others.

    Args:
        places: "module:function", or "module:app" for a group of commands, by the command's name.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._commands: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._commands:
            module, _, attribute = self._places[name].partition(":")
            self._commands[name] = _command(name, getattr(import_module(module), attribute))
        return self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def command_group(group: type[CommandGroup] = CommandGroup, **options: Any) -> typer.Typer:
    """A group of commands, with help as all of them show it."""
    return typer.Typer(
        cls=group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # Rich takes what stands in brackets for markup and drops it
        context_settings=_CONTEXT,
        **options,
    )


def _command(name: str, what: Any) -> Any:
    if isinstance(what, typer.Typer):
        return typer.main.get_command(what)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=_CONTEXT)
    alone.command(name)(what)
    return typer.main.get_command(alone)


_CONTEXT = {"help_option_names": ["-h", "--help"]}
