"""What an index run tells while it works, and at its end."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not indexed, and why."""

    path: str
    reason: str


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """What one run found and did. Counts of files, unless said otherwise.

    Attributes:
        found: image files under the given folders.
        unchanged: known already, with the same size and time.
        added: images that were not in the library before.
        known_again: files whose content the library already had: moved, copied or touched.
        removed: files that are gone, whose sources were forgotten.
        left_out: files whose image was deleted on request earlier.
        embedded: images that were given a vector of the model, among them such as were in the library before.
        refused: files that could not be read as images.
        unreadable_folders: folders that could not be looked into; what was known below them was kept.
        other_files: files without an image's suffix.
        snapshot: the number of the snapshot that was published, or None.
        seconds: of the whole run.
        interrupted: whether Ctrl-C ended it early; everything counted is stored.
    """

    found: int = 0
    unchanged: int = 0
    added: int = 0
    known_again: int = 0
    removed: int = 0
    left_out: int = 0
    embedded: int = 0
    refused: list[Refusal] = field(default_factory=list)
    unreadable_folders: list[Refusal] = field(default_factory=list)
    other_files: int = 0
    snapshot: int | None = None
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def images_per_second(self) -> float:
        """Images embedded per second of the run."""
        return self.embedded / self.seconds if self.seconds else 0.0


class Progress(Protocol):
    """Is told what happens. Every call comes from the thread that runs the index."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins, with so many steps if that is known."""

    def stored(self, path: str, image_id: str) -> None:
        """An image is on disk: it survives whatever happens from here on."""

    def refused(self, refusal: Refusal) -> None:
        """A file was passed over."""

    def advance(self, steps: int) -> None:
        """So many steps of the stage are done."""


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int | None) -> None:
        """Nothing."""

    def stored(self, path: str, image_id: str) -> None:
        """Nothing."""

    def refused(self, refusal: Refusal) -> None:
        """Nothing."""

    def advance(self, steps: int) -> None:
        """Nothing."""
