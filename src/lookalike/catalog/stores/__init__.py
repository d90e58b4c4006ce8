"""The stores of the catalog: each public method is one transaction over one kind of thing."""

from lookalike.catalog.stores.access import AuditLog, Keys
from lookalike.catalog.stores.blocks import Blocks
from lookalike.catalog.stores.changes import ChangeSequence
from lookalike.catalog.stores.collections import Collections
from lookalike.catalog.stores.experiments import Experiments
from lookalike.catalog.stores.folders import Folders
from lookalike.catalog.stores.grading_queue import GradingQueue
from lookalike.catalog.stores.images import Images
from lookalike.catalog.stores.interactions import Interactions
from lookalike.catalog.stores.judgements import Judgements
from lookalike.catalog.stores.keypoints import StoredKeypoints
from lookalike.catalog.stores.leases import Leases
from lookalike.catalog.stores.models import Models
from lookalike.catalog.stores.moderation import Moderation
from lookalike.catalog.stores.people import People
from lookalike.catalog.stores.queries import Queries
from lookalike.catalog.stores.recycle_bin import RecycleBin
from lookalike.catalog.stores.sources import Sources
from lookalike.catalog.stores.uploads import Uploads
from lookalike.catalog.stores.vectors import StoredVectors

__all__ = [
    "AuditLog",
    "Blocks",
    "ChangeSequence",
    "Collections",
    "Experiments",
    "Folders",
    "GradingQueue",
    "Images",
    "Interactions",
    "Judgements",
    "Keys",
    "Leases",
    "Models",
    "Moderation",
    "People",
    "Queries",
    "RecycleBin",
    "Sources",
    "StoredKeypoints",
    "StoredVectors",
    "Uploads",
]
