"""The indexing pipeline: catalog -> vectors -> snapshot, kept up to date."""

from lookalike.indexing.blocking import blocked_where_listed
from lookalike.indexing.folders import Found, find_images
from lookalike.indexing.forgetting import Forgotten, forget_image, forget_path
from lookalike.indexing.indexer import Indexer
from lookalike.indexing.keypoints import KeypointReport, KeypointRun
from lookalike.indexing.locking import alone
from lookalike.indexing.moderating import Moderator, moderated
from lookalike.indexing.moderation_rules import ModerationRules
from lookalike.indexing.options import IndexOptions
from lookalike.indexing.publishing import Publisher
from lookalike.indexing.reading import precomputed_addition
from lookalike.indexing.report import IndexReport, MissingFiles, Refusal, Skipped

__all__ = [
    "Forgotten",
    "Found",
    "IndexOptions",
    "IndexReport",
    "Indexer",
    "KeypointReport",
    "KeypointRun",
    "MissingFiles",
    "ModerationRules",
    "Moderator",
    "Publisher",
    "Refusal",
    "Skipped",
    "alone",
    "blocked_where_listed",
    "find_images",
    "forget_image",
    "forget_path",
    "moderated",
    "precomputed_addition",
]
