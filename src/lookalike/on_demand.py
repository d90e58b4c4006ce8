"""Packages that are optional, or slow to import and needed by few commands: loaded when they are first used."""

from importlib import import_module
from typing import Any

from lookalike.errors import DependencyMissing


def load(module: str, *, otherwise: str) -> Any:
    """A module of another package.

    Args:
        module: its dotted name.
        otherwise: what to say where it is not installed: who needs it, and the command that installs it.

    Raises:
        DependencyMissing: it cannot be imported.
    """
    try:
        return import_module(module)
    except (ImportError, OSError) as missing:  # OSError: a library of its own that is not there
        raise DependencyMissing(otherwise) from missing
