"""The command line: one file a command."""

from lookalike.cli.app import main

__all__ = ["main"]
