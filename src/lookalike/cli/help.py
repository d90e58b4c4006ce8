"""How commands are listed in help texts."""

from typing import Any

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
