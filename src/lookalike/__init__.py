"""Visual search that you own: index pictures, search by image or crop, learn from clicks.

    import lookalike
    from lookalike import Box, Query

    with lookalike.open("my-library") as library:
        library.index(["photos"])
        for hit in library.search(Query.picture("cat.jpg", crop=Box(0.1, 0.2, 0.5, 0.5)), limit=10):
            print(hit.rank, hit.closeness, hit.image.source)

Names are loaded when they are first used: importing this package loads neither a model's runtime nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lookalike.version import __version__

if TYPE_CHECKING:
    from lookalike.errors import (
        CallerError,
        EnvironmentFault,
        ImageRefused,
        LibraryMissing,
        LookalikeError,
        PromotionRefused,
        TrainingRefused,
    )
    from lookalike.indexing import IndexOptions
    from lookalike.library.adapt import AdaptRequest, AdaptResult
    from lookalike.library.bench import BenchResult
    from lookalike.library.duplicates import DuplicatesResult
    from lookalike.library.evaluate import EvaluateResult
    from lookalike.library.index import IndexResult
    from lookalike.library.judging import JudgementSource
    from lookalike.library.keypoints import KeypointsResult
    from lookalike.library.library import Library, open  # noqa: A004 - `lookalike.open` reads best
    from lookalike.library.promote import Switch
    from lookalike.library.search import SearchResult
    from lookalike.library.train import TrainRequest, TrainResult
    from lookalike.library.tune import TuneRequest, TuneResult
    from lookalike.progress import Progress
    from lookalike.retrieval import Filters, Query
    from lookalike.training.recipes import HeadRecipe, PretrainRecipe, TuneRecipe
    from lookalike.types import Box, Hit
    from lookalike.verification import Verification

_MODULES = {
    "lookalike.errors": (
        "CallerError",
        "EnvironmentFault",
        "ImageRefused",
        "LibraryMissing",
        "LookalikeError",
        "PromotionRefused",
        "TrainingRefused",
    ),
    "lookalike.indexing": ("IndexOptions",),
    "lookalike.library.adapt": ("AdaptRequest", "AdaptResult"),
    "lookalike.library.bench": ("BenchResult",),
    "lookalike.library.duplicates": ("DuplicatesResult",),
    "lookalike.library.evaluate": ("EvaluateResult",),
    "lookalike.library.index": ("IndexResult",),
    "lookalike.library.judging": ("JudgementSource",),
    "lookalike.library.keypoints": ("KeypointsResult",),
    "lookalike.library.library": ("Library", "open"),
    "lookalike.library.promote": ("Switch",),
    "lookalike.library.search": ("SearchResult",),
    "lookalike.library.train": ("TrainRequest", "TrainResult"),
    "lookalike.library.tune": ("TuneRequest", "TuneResult"),
    "lookalike.progress": ("Progress",),
    "lookalike.retrieval": ("Filters", "Query"),
    "lookalike.training.recipes": ("HeadRecipe", "PretrainRecipe", "TuneRecipe"),
    "lookalike.types": ("Box", "Hit"),
    "lookalike.verification": ("Verification",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AdaptRequest",
    "AdaptResult",
    "BenchResult",
    "Box",
    "CallerError",
    "DuplicatesResult",
    "EnvironmentFault",
    "EvaluateResult",
    "Filters",
    "HeadRecipe",
    "Hit",
    "ImageRefused",
    "IndexOptions",
    "IndexResult",
    "JudgementSource",
    "KeypointsResult",
    "Library",
    "LibraryMissing",
    "LookalikeError",
    "PretrainRecipe",
    "Progress",
    "PromotionRefused",
    "Query",
    "SearchResult",
    "Switch",
    "TrainRequest",
    "TrainResult",
    "TrainingRefused",
    "TuneRecipe",
    "TuneRequest",
    "TuneResult",
    "Verification",
    "__version__",
    "open",
]


if not TYPE_CHECKING:  # a type checker is to know the names above and no others

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
