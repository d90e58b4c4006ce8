"""Opening a library: the folder is found or made, and its parts are closed when the `with` ends."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lookalike.embedding import Mode
from lookalike.errors import LibraryMissing, StorageFailed
from lookalike.library.parts import LibraryParts
from lookalike.library.places import library_exists
from lookalike.settings import Settings


@contextmanager
def open_library(settings: Settings, *, create: bool = False, mode: Mode = "latency") -> Iterator[LibraryParts]:
    """The parts of a library for as long as the `with` lasts. See `library_parts`."""
    with closing(library_parts(settings, create=create, mode=mode)) as library:
        yield library


def library_parts(settings: Settings, *, create: bool = False, mode: Mode = "latency") -> LibraryParts:
    """The parts of a library, which the caller closes.

    Args:
        settings: which library, and how its parts work.
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
            raise StorageFailed(f"{folder}: the library's folder cannot be created: {fault.strerror}") from None
    elif not library_exists(settings):
        raise LibraryMissing(
            f"there is no library in {folder}: create one with `lookalike index FOLDER`,"
            " or choose another with --library DIR or LOOKALIKE_LIBRARY"
        )
    _provide_temporary_folder(folder)
    return LibraryParts(settings, mode=mode)


def _provide_temporary_folder(library: Path) -> None:
    """Let temporary files, such as large uploads, go into the library where the machine has no other place for them."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = str(library.absolute())
