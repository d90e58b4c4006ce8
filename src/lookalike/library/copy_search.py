"""Looking for copies in a library, and what was found: shared by the command, Python and a running service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from lookalike.catalog import Catalog
from lookalike.columns import unknown_rows
from lookalike.duplicates import CopyFinder, CopyGroup, ProgressFile, Sureness, group_copies
from lookalike.duplicates import Library as Compared
from lookalike.duplicates.agreement import SIDE
from lookalike.duplicates.finding import RULES
from lookalike.errors import CallerError, LibraryMissing
from lookalike.indexing import alone
from lookalike.keypoints import RECIPE
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import Limits, decode
from lookalike.progress import Progress
from lookalike.retrieval import stored_keypoints
from lookalike.types import WHOLE_IMAGE, Image, Pixels, Visibility

Keep = Literal["largest", "oldest", "newest"]
"""Which image of a group stays."""

_BLOCK = 50  # images between two moments at which the search can be stopped without loss
_FILE = "duplicates.jsonl"
_LOCK = "duplicates.lock"

PREFERRED: Mapping[Keep, Callable[[Image], Any]] = {
    "largest": lambda image: (-image.width * image.height, -image.byte_count, image.uploaded_at),
    "oldest": lambda image: (image.uploaded_at, -image.width * image.height),
    "newest": lambda image: (-_seconds(image.uploaded_at), -image.width * image.height),
}
"""By what is kept, a key by which the image to keep is lowest."""


def _seconds(at: datetime) -> float:
    return at.timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCopies:
    """What was found so far, of the images that are public now.

    Attributes:
        groups: of copies, the largest first.
        images: by id, every image of a group.
        compared: public images that were compared with all others.
        public: all public images.
        without_keypoints: those of the compared ones whose keypoints were not there.
    """

    groups: Sequence[CopyGroup]
    images: Mapping[str, Image]
    compared: int
    public: int
    without_keypoints: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySearch:
    """Looks for copies among the public images of a library, and keeps in a file what was found.

    Attributes:
        catalog: of the library.
        folder: of the library.
        limits: for pictures.
    """

    catalog: Catalog
    folder: Path
    limits: Limits

    @classmethod
    def of(cls, library: LibraryParts) -> Self:
        """That of a library which is open."""
        return cls(catalog=library.catalog, folder=library.settings.library, limits=library.limits)

    def alone(self) -> AbstractContextManager[None]:
        """Hold off other searches for copies meanwhile.

        Raises:
            LibraryBusy: one is at work.
        """
        return alone(self.folder / _LOCK, doing="looking for copies in")

    def run(self, progress: Progress, *, stopped: Callable[[], bool] = lambda: False) -> None:
        """Compare the images that were not compared yet; what was found before stays.

        Args:
            progress: is told how far it is.
            stopped: asked now and then; what is done until then is kept, and the next run goes on.

        Raises:
            LibraryMissing: nothing was indexed yet.
            LibraryBusy: another process is looking for copies.
            StorageFailed: the disk is full.
        """
        if not self._fingerprint():
            raise LibraryMissing(f"nothing was indexed into {self.folder} yet: run `lookalike index FOLDER`")
        with self.alone():
            done = self._done()
            compared = self._public()
            with_points = self.catalog.keypoints.among(RECIPE, compared.ids)
            rows = [row for row, one in enumerate(compared.ids) if done.compared.get(one, -1) < (one in with_points)]
            if not rows:
                return
            progress.stage("Choosing what to compare")
            finder = CopyFinder(compared)
            progress.stage("Looking for copies", len(rows))
            for block in finder.find(rows, size=_BLOCK):
                if stopped():
                    return
                ids = [compared.ids[row] for row in block.rows]
                done.add({one: one in with_points for one in ids}, block.pairs)
                progress.advance(len(ids))

    def found(self, *, keep: Keep = "largest", least: Sureness = Sureness.LIKELY) -> FoundCopies:
        """What was found so far.

        Args:
            keep: which image of each group stays.
            least: only copies that are at least so sure.

        Raises:
            CallerError: there is no such choice of what is kept.
        """
        if keep not in PREFERRED:
            raise CallerError(f"keep={keep!r}: choose one of {', '.join(PREFERRED)}")
        done = self._done()
        pairs = [pair for pair in done.pairs if pair.sure.level >= least.level]
        images = self._images(image_id for pair in pairs for image_id in (pair.one, pair.other))
        groups = group_copies(pairs, images, preferred=PREFERRED[keep])
        public = self.catalog.images.ids(Visibility.PUBLIC)
        compared = public & done.compared.keys()
        return FoundCopies(
            groups=sorted(groups, key=lambda group: (-len(group.copies), group.kept)),
            images=images,
            compared=len(compared),
            public=len(public),
            without_keypoints=sum(not done.compared[one] for one in compared),
        )

    def copies_of(self) -> dict[str, set[str]]:
        """By the id of an image, those of its copies, also of images that are gone or hidden since."""
        copies: dict[str, set[str]] = {}
        for pair in self._done().pairs:
            copies.setdefault(pair.one, set()).add(pair.other)
            copies.setdefault(pair.other, set()).add(pair.one)
        return copies

    def version(self) -> object:
        """Another one whenever more was found."""
        try:
            status = (self.folder / _FILE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, self._fingerprint()

    def _done(self) -> ProgressFile:
        return ProgressFile(self.folder / _FILE, of=self._identity())

    def _identity(self) -> str:
        """Names the library, its model and the rules: where any is another, a search starts anew."""
        parts = [self.catalog.changes.state().library_id, self._fingerprint(), RULES, RECIPE]
        return sha256("\n".join(map(str, parts)).encode()).hexdigest()

    def _fingerprint(self) -> str:
        """Of the model that answers; empty where nothing was indexed."""
        live = self.catalog.models.live()
        return live.fingerprint if live is not None else ""

    def _public(self) -> Compared:
        """The public images, with their vectors as the model made them, all read into memory."""
        ids: list[str] = []
        vectors, columns = [], [unknown_rows(0)]
        for block in self.catalog.vectors.blocks(self._fingerprint()):
            whole = np.flatnonzero(block.regions == WHOLE_IMAGE)
            kept = [row for row in whole.tolist() if block.visibilities[row] is Visibility.PUBLIC]
            ids += [block.image_ids[row] for row in kept]
            vectors.append(block.vectors[kept])
            columns.append(block.columns[kept])
        rows = np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32)
        return Compared(
            ids=ids,
            vectors=rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12),
            columns=np.concatenate(columns),
            keypoints_of=partial(stored_keypoints, self.catalog),
            pixels_of=self._pixels,
        )

    def _pixels(self, image_id: str) -> Pixels | None:
        try:
            content = self.catalog.images.content(image_id)
            return decode(content, name=image_id, limits=self.limits, shortest_side=2 * SIDE).pixels
        except CallerError:  # its file is gone
            return None

    def _images(self, image_ids: Iterable[str]) -> dict[str, Image]:
        """Those that are public now."""
        return self.catalog.images.get_many(sorted(set(image_ids)), visibility=Visibility.PUBLIC)
