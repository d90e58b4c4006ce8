"""What a run over folders is asked to do beyond the usual."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """How a run over folders treats what it meets.

    Attributes:
        restore: bring back images that were deleted on request, when their files are met.
        again: read files that were refused before, even if neither they nor the limits changed.
        verify_content: read every file, even if its size, times and inode are as they were.
        forget_missing: drop what is missing, also where a whole folder is empty or gone.
        exclude: patterns as in `.gitignore`, relative to each folder: files and folders to leave out.
        include: patterns; if there are any, only files that match one are taken.
    """

    restore: bool = False
    again: bool = False
    verify_content: bool = False
    forget_missing: bool = False
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


USUAL = IndexOptions()
