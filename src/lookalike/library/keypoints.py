"""Giving a library keypoints, by which searches are verified and copies are found."""

import os
from dataclasses import dataclass

from lookalike.distributed import ThreadRunner
from lookalike.indexing import KeypointReport, KeypointRun
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress


@dataclass(frozen=True, kw_only=True)
class KeypointsRequest:
    """What to do.

    Attributes:
        remove: drop the keypoints of every image instead of extracting missing ones.
    """

    remove: bool = False


@dataclass(frozen=True, kw_only=True)
class KeypointsResult:
    """What was done.

    Attributes:
        report: of extracting.
        removed: images whose keypoints were dropped.
    """

    report: KeypointReport
    removed: int = 0


def keypoints(library: LibraryParts, request: KeypointsRequest, progress: Progress) -> KeypointsResult:
    """Extract the keypoints of every image that has none. From then on index runs and uploads keep them complete.

    Ctrl-C ends the run early; `KeypointReport.interrupted` says so, and the next run goes on from there.

    Raises:
        DependencyMissing: OpenCV is not installed.
        StorageFailed: the disk is full; what was stored is safe.
    """
    if request.remove:
        return KeypointsResult(report=KeypointReport(), removed=library.catalog.keypoints.drop())
    runner = ThreadRunner(library.settings.threads or os.cpu_count() or 1)
    run = KeypointRun(catalog=library.catalog, limits=library.limits, runner=runner, progress=progress)
    try:
        run.fill()
    except KeyboardInterrupt:
        run.report.interrupted = True
    return KeypointsResult(report=run.report)
