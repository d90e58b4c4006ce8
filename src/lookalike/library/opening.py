"""Opening a library: the folder is found or made, and its parts are closed when the `with` ends."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.errors import LibraryMissing, StorageFailed
from lookalike.library.parts import LibraryParts, Mode
from lookalike.settings import Settings


@contextmanager
def open_library(settings: Settings, *, create: bool = False, mode: Mode = "latency") -> Iterator[LibraryParts]:
    """A library for as long as the `with` lasts.

    Args:
        settings: which one, and how.
        create: make the folder if there is none.
        mode: what models are opened for.

    Raises:
        LibraryMissing: there is none, and `create` was not asked for.
        StorageFailed: the folder cannot be made.
    """
    folder = settings.library
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StorageFailed(f"{folder}: the library's folder cannot be made: {fault.strerror}") from None
    elif not settings.catalog_url and not (folder / "catalog.sqlite").exists():
        raise LibraryMissing(
            f"there is no library in {folder}: make one with `lookalike index FOLDER`,"
            " or name another with --library DIR or LOOKALIKE_LIBRARY"
        )
    _provide_temporary_folder(folder)
    library = LibraryParts(settings, mode=mode)
    try:
        yield library
    finally:
        library.close()


def _provide_temporary_folder(library: Path) -> None:
    """Let temporary files, such as large uploads, go into the library where the machine has no other place for them."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = str(library.absolute())
