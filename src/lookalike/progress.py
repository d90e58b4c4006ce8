"""How long work tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Is told how far a piece of work is. Every call comes from the thread that does the work."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins.

        Args:
            name: for people, such as `Indexing images`.
            total: steps that it has, where that is known: images, queries, bytes of a download.
        """
        ...

    def advance(self, steps: int = 1) -> None:
        """So many more steps of the stage are done."""
        ...

    def note(self, line: str) -> None:
        """One thing happened that somebody who looks closely wants to know: an image is on disk, a file was refused."""
        ...


class Silent:
    """Progress that nobody asked for."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""
