"""How many files and connections this process may have open."""

import importlib
import sys

_ENOUGH = 8192
_WINDOWS = 8192


def most_open_files() -> int:
    """The limit now."""
    if sys.platform == "win32":
        return _WINDOWS
    resource = importlib.import_module("resource")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return int(soft) if soft != resource.RLIM_INFINITY else sys.maxsize


def raise_most_open_files() -> None:
    """Raise it to 8,192, or as far as this user may: many systems start programs with 256 or 1,024."""
    if sys.platform == "win32":
        return
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
