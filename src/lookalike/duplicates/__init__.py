"""Copies: which images of a library are the same picture, changed or not, and why that is believed."""

from lookalike.duplicates.finding import CopyFinder, FoundBlock, Library
from lookalike.duplicates.grouping import CopyGroup, group_copies
from lookalike.duplicates.pairs import CopyPair, Reason, Sureness
from lookalike.duplicates.progress_file import ProgressFile

__all__ = [
    "CopyFinder",
    "CopyGroup",
    "CopyPair",
    "FoundBlock",
    "Library",
    "ProgressFile",
    "Reason",
    "Sureness",
    "group_copies",
]
