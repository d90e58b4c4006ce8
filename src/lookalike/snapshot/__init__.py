"""The index table: immutable generations on disk, published atomically and checked when opened."""

from lookalike.snapshot.centring import CENTRE_FROM, Centring, PublicMean
from lookalike.snapshot.choice import CHOICE_FILE, ChoiceFound, Goals, IndexChoice, Promise, find_choice
from lookalike.snapshot.closeness import ENOUGH, Closeness
from lookalike.snapshot.gathering import Gathered, gathering
from lookalike.snapshot.live_recall import LiveRecall, catalog_vectors, live_recall, recall_of_queries
from lookalike.snapshot.manifest import FORMAT_VERSION, FileRecord, Manifest
from lookalike.snapshot.publishing import publish, workspace
from lookalike.snapshot.recall import NEIGHBORS, Recall, Truth, TruthInBlocks, sampled_rows
from lookalike.snapshot.rows import Calibration, IndexPlan, SnapshotRows
from lookalike.snapshot.stored import (
    SET_ASIDE,
    VISIBILITY_CODES,
    Snapshot,
    centring_of,
    foreign,
    has_foreign,
    newest,
    prune,
    published,
    set_foreign_aside,
    verify,
)

__all__ = [
    "CENTRE_FROM",
    "CHOICE_FILE",
    "ENOUGH",
    "FORMAT_VERSION",
    "NEIGHBORS",
    "SET_ASIDE",
    "VISIBILITY_CODES",
    "Calibration",
    "Centring",
    "ChoiceFound",
    "Closeness",
    "FileRecord",
    "Gathered",
    "Goals",
    "IndexChoice",
    "IndexPlan",
    "LiveRecall",
    "Manifest",
    "Promise",
    "PublicMean",
    "Recall",
    "Snapshot",
    "SnapshotRows",
    "Truth",
    "TruthInBlocks",
    "catalog_vectors",
    "centring_of",
    "find_choice",
    "foreign",
    "gathering",
    "has_foreign",
    "live_recall",
    "newest",
    "prune",
    "publish",
    "published",
    "recall_of_queries",
    "sampled_rows",
    "set_foreign_aside",
    "verify",
    "workspace",
]
