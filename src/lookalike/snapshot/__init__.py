"""The index table: immutable generations on disk, published atomically and checked when opened."""

from lookalike.snapshot.choice import CHOICE_FILE, ChoiceFound, Goals, IndexChoice, Promise, find_choice
from lookalike.snapshot.closeness import Closeness
from lookalike.snapshot.gathering import Gathered, gathering
from lookalike.snapshot.live_recall import LiveRecall, live_recall, recall_of_queries
from lookalike.snapshot.manifest import FORMAT_VERSION, FileRecord, Manifest
from lookalike.snapshot.publishing import publish, workspace
from lookalike.snapshot.recall import Recall, Truth, TruthInBlocks, sampled_rows
from lookalike.snapshot.stored import VISIBILITY_CODES, Snapshot, newest, prune, verify

__all__ = [
    "CHOICE_FILE",
    "FORMAT_VERSION",
    "VISIBILITY_CODES",
    "ChoiceFound",
    "Closeness",
    "FileRecord",
    "Gathered",
    "Goals",
    "IndexChoice",
    "LiveRecall",
    "Manifest",
    "Promise",
    "Recall",
    "Snapshot",
    "Truth",
    "TruthInBlocks",
    "find_choice",
    "gathering",
    "live_recall",
    "newest",
    "prune",
    "publish",
    "recall_of_queries",
    "sampled_rows",
    "verify",
    "workspace",
]
