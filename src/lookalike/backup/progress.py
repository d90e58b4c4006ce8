"""Who is told how far a copy is."""

from typing import Protocol


class Progress(Protocol):
    """Is told what happens."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins, with so many steps if that is known."""

    def advance(self, steps: int) -> None:
        """So many steps of the stage are done."""


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, steps: int) -> None:
        """Nothing."""
