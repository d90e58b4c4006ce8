"""Checking that what a library stores is whole, and that its index finds what exact search finds."""

from dataclasses import dataclass

from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress
from lookalike.verification import Verification, verify_library


@dataclass(frozen=True, kw_only=True)
class VerifyRequest:
    """How much to check.

    Attributes:
        queries: images to measure the index's recall with.
        files: indexed files to read and compare with what was indexed.
    """

    queries: int = 200
    files: int = 200


def verify(library: LibraryParts, request: VerifyRequest, progress: Progress) -> Verification:
    """Check every record, original and snapshot against its checksum, and the index against exact search.

    What is wrong is in the result's `problems`; nothing is changed.
    """
    progress.stage("Checking what is stored", None)
    return verify_library(library.catalog, library.settings.snapshots, queries=request.queries, files=request.files)
