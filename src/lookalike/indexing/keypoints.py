"""Giving images their keypoints."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lookalike.catalog import Catalog
from lookalike.distributed import Runner
from lookalike.errors import DependencyMissing, ImageRefused, UnknownImage
from lookalike.indexing.batching import batched_by
from lookalike.indexing.report import Refusal
from lookalike.keypoints import RECIPE, STORED
from lookalike.preprocessing import Limits, picture_keypoints
from lookalike.progress import Progress
from lookalike.types import Image

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 10_000  # records
_BATCH = 64  # images a transaction
_BATCH_SECONDS = 2.0


@dataclass(kw_only=True)
class KeypointReport:
    """What a run over images without keypoints did.

    Attributes:
        made: images that have keypoints now and had none.
        refused: images that could not be read, with the reasons.
        interrupted: ended by Ctrl-C; the next run goes on from there.
    """

    made: int = 0
    refused: list[Refusal] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointRun:
    """Extracts and stores the keypoints of every readable image that has none.

    Attributes:
        catalog: where images and keypoints are.
        limits: for images.
        runner: reads many images at once.
        progress: is told what happens.
        report: filled while it runs.
    """

    catalog: Catalog
    limits: Limits
    runner: Runner
    progress: Progress
    report: KeypointReport = field(default_factory=KeypointReport)

    def fill(self) -> None:
        """Extract what is missing. What was stored stays when it is interrupted, and is not made again.

        Raises:
            DependencyMissing: OpenCV is not installed.
            StorageFailed: the disk is full; what was stored is safe.
        """
        after = ""
        while images := self.catalog.keypoints.images_without(RECIPE, limit=_READ_AT_ONCE, after=after):
            self.progress.stage("Extracting keypoints", len(images))
            for batch in self._in_batches(images):
                self._store(batch)
            after = images[-1].id

    def _in_batches(self, images: Sequence[Image]) -> Iterator[list[tuple[Image, bytes | Refusal | None]]]:
        return batched_by(_BATCH, self.runner.map(self._extract, images), seconds=_BATCH_SECONDS, now=time.monotonic)

    def _extract(self, image: Image) -> tuple[Image, bytes | Refusal | None]:
        """The packed keypoints of one image: the work of a thread. None where it was deleted meanwhile."""
        name = image.source or image.id
        try:
            content = self.catalog.images.content(image.id)
            return image, picture_keypoints(content, STORED, name=name, limits=self.limits).packed
        except ImageRefused as refused:
            return image, Refusal(name, refused.message)
        except UnknownImage:
            return image, None

    def _store(self, batch: Sequence[tuple[Image, bytes | Refusal | None]]) -> None:
        packed = {image.id: made for image, made in batch if isinstance(made, bytes)}
        self.catalog.keypoints.add(RECIPE, packed)
        self.report.made += len(packed)
        self.report.refused += [made for _, made in batch if isinstance(made, Refusal)]
        self.progress.advance(len(batch))


def keep_keypoints(catalog: Catalog, image_id: str, content: bytes, *, limits: Limits) -> None:
    """Give an upload keypoints, where others have some; without OpenCV it goes without, like any image before."""
    if not catalog.keypoints.are_kept() or catalog.keypoints.among(RECIPE, [image_id]):
        return
    try:
        points = picture_keypoints(content, STORED, name=image_id, limits=limits)
    except DependencyMissing as missing:
        _log.warning("the upload %s gets no keypoints: %s", image_id, missing)
        return
    catalog.keypoints.add(RECIPE, {image_id: points.packed})
