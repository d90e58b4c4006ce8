"""The only truth: images, users, interactions, grades and vectors in one SQL database."""

from lookalike.catalog.catalog import Catalog
from lookalike.catalog.copying import library_id_of
from lookalike.catalog.engine import parse_url, sqlite_url
from lookalike.catalog.grades import JudgementSet
from lookalike.catalog.records import (
    BEGINNING,
    AdditionResult,
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
    SourceFailure,
    SourceFile,
    SourceState,
    VectorBlock,
    content_id,
    display_name,
)
from lookalike.catalog.stores.uploads import KEEP_REMOVED
from lookalike.catalog.vectors import VectorReading

__all__ = [
    "BEGINNING",
    "KEEP_REMOVED",
    "AdditionResult",
    "BrowsePage",
    "Catalog",
    "CatalogCounts",
    "CatalogState",
    "Change",
    "ChangesSince",
    "ImageAddition",
    "IndexedFolder",
    "JudgementSet",
    "KnownImage",
    "LiveModel",
    "LiveSince",
    "QueryRecord",
    "SourceFailure",
    "SourceFile",
    "SourceState",
    "VectorBlock",
    "VectorReading",
    "content_id",
    "display_name",
    "library_id_of",
    "parse_url",
    "sqlite_url",
]
