"""The only truth: images, users, interactions, grades and vectors in one SQL database."""

from lookalike.catalog.audit import AuditEntry
from lookalike.catalog.blocks import BlockedPicture
from lookalike.catalog.catalog import Catalog
from lookalike.catalog.collections import Collection
from lookalike.catalog.copying import library_id_of
from lookalike.catalog.engine import parse_url, sqlite_url
from lookalike.catalog.events import LONGEST_DWELL, EventFilter
from lookalike.catalog.experiments import Arm, Assignment, Experiment, ExperimentKind, Outcome, Plan
from lookalike.catalog.facts import ImageFacts
from lookalike.catalog.grades import ADJUDICATION, REVIEWS, JudgementSet
from lookalike.catalog.grading_queue import QueuedPair, QueueProgress
from lookalike.catalog.keys import ApiKey, KeyWish, Scope, is_key, prefix_of
from lookalike.catalog.records import (
    BEGINNING,
    EVENT_REASONS,
    AdditionResult,
    AskedQuery,
    BrowsePage,
    CatalogCounts,
    CatalogState,
    Change,
    ChangesSince,
    ImageAddition,
    IndexedFolder,
    KnownImage,
    LiveModel,
    LiveSince,
    QueryRecord,
    RefusedEvent,
    SourceFailure,
    SourceFile,
    SourceState,
    VectorBlock,
    WrittenEvents,
    content_id,
    display_name,
)
from lookalike.catalog.review_queue import ReviewPage
from lookalike.catalog.stores.uploads import KEEP_REMOVED
from lookalike.catalog.vectors import VectorReading
from lookalike.catalog.verdicts import Moderated, Verdict

__all__ = [
    "ADJUDICATION",
    "BEGINNING",
    "EVENT_REASONS",
    "KEEP_REMOVED",
    "LONGEST_DWELL",
    "REVIEWS",
    "AdditionResult",
    "ApiKey",
    "Arm",
    "AskedQuery",
    "Assignment",
    "AuditEntry",
    "BlockedPicture",
    "BrowsePage",
    "Catalog",
    "CatalogCounts",
    "CatalogState",
    "Change",
    "ChangesSince",
    "Collection",
    "EventFilter",
    "Experiment",
    "ExperimentKind",
    "ImageAddition",
    "ImageFacts",
    "IndexedFolder",
    "JudgementSet",
    "KeyWish",
    "KnownImage",
    "LiveModel",
    "LiveSince",
    "Moderated",
    "Outcome",
    "Plan",
    "QueryRecord",
    "QueueProgress",
    "QueuedPair",
    "RefusedEvent",
    "ReviewPage",
    "Scope",
    "SourceFailure",
    "SourceFile",
    "SourceState",
    "VectorBlock",
    "VectorReading",
    "Verdict",
    "WrittenEvents",
    "content_id",
    "display_name",
    "is_key",
    "library_id_of",
    "parse_url",
    "prefix_of",
    "sqlite_url",
]
