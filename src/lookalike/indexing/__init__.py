"""The indexing pipeline: catalog -> vectors -> snapshot, kept up to date."""

from lookalike.indexing.folders import Found, find_images
from lookalike.indexing.indexer import Indexer
from lookalike.indexing.publishing import Publisher
from lookalike.indexing.report import IndexReport, Progress, Refusal, Silent

__all__ = ["Found", "IndexReport", "Indexer", "Progress", "Publisher", "Refusal", "Silent", "find_images"]
