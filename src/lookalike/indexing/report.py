"""What an index run tells while it works, and at its end."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not indexed, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingFiles:
    """A folder whose files were indexed and are not found now, without a sign that somebody deleted them.

    Attributes:
        path: the folder, or a file that was indexed by name.
        images: files below it that are missing; all that is known of them was kept.
        reason: what is the matter with the folder, in words that follow its name.
    """

    path: str
    images: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Files that were not taken, by reason and suffix ("/" for folders; a system folder's name)."""

    reason: str
    suffix: str
    count: int


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """What one run found and did. Counts of files, unless said otherwise.

    Attributes:
        found: image files under the given folders.
        unchanged: known already, with the same bytes.
        added: images that were not in the library before.
        returned: images that came back from the bin, with their tags, owner and visibility.
        moved: files that were found at another path than before.
        known_again: further files whose content the library already had: copies.
        removed: files that are gone; images that were nowhere else are in the bin.
        missing: what is not found, and was kept because nobody said to forget it.
        left_out: files whose image was deleted on request earlier.
        embedded: images that were given a vector of the model, among them such as were in the library before.
        refused: files that could not be read as images.
        unreadable_folders: folders that could not be looked into; what was known below them was kept.
        skipped: what else is under the given folders, and was not read.
        outside_rules: known files that are left out by patterns or rules now, and stay in the library.
        notes: what is wrong with ignore files.
        snapshot: the number of the snapshot that was published, or None.
        seconds: of the whole run.
        interrupted: whether Ctrl-C ended it early; everything counted is stored.
    """

    found: int = 0
    unchanged: int = 0
    added: int = 0
    returned: int = 0
    moved: int = 0
    known_again: int = 0
    removed: int = 0
    missing: list[MissingFiles] = field(default_factory=list)
    left_out: int = 0
    embedded: int = 0
    refused: list[Refusal] = field(default_factory=list)
    unreadable_folders: list[Refusal] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    outside_rules: int = 0
    notes: list[str] = field(default_factory=list)
    snapshot: int | None = None
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def images_per_second(self) -> float:
        """Images embedded per second of the run."""
        return self.embedded / self.seconds if self.seconds else 0.0
