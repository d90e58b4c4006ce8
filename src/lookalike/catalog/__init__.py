"""The only truth: images, users, interactions, grades and vectors in one SQL database."""

from lookalike.catalog.catalog import Catalog
from lookalike.catalog.copying import library_id_of
from lookalike.catalog.engine import parse_url, sqlite_url
from lookalike.catalog.events import LONGEST_DWELL, EventFilter
from lookalike.catalog.grades import JudgementSet
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
from lookalike.catalog.stores.uploads import KEEP_REMOVED
from lookalike.catalog.vectors import VectorReading

__all__ = [
    "BEGINNING",
    "EVENT_REASONS",
    "KEEP_REMOVED",
    "LONGEST_DWELL",
    "AdditionResult",
    "AskedQuery",
    "BrowsePage",
    "Catalog",
    "CatalogCounts",
    "CatalogState",
    "Change",
    "ChangesSince",
    "EventFilter",
    "ImageAddition",
    "IndexedFolder",
    "JudgementSet",
    "KnownImage",
    "LiveModel",
    "LiveSince",
    "QueryRecord",
    "RefusedEvent",
    "SourceFailure",
    "SourceFile",
    "SourceState",
    "VectorBlock",
    "VectorReading",
    "WrittenEvents",
    "content_id",
    "display_name",
    "library_id_of",
    "parse_url",
    "sqlite_url",
]
