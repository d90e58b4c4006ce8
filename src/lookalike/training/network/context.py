"""Where a training run reads and writes, and who hears of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lookalike.catalog import Catalog
from lookalike.preprocessing import Limits, Preprocessing
from lookalike.progress import Progress
from lookalike.training.extractors import FeatureExtractor
from lookalike.training.library import DescribedLibrary, LibraryPictures
from lookalike.training.run import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """Where a run reads and writes, and who hears of it.

    Attributes:
        catalog: of the library.
        limits: for images.
        descriptors: folder of all descriptors.
        run: the run's folder.
        progress: is told how far it is.
        tell: gets every line of metrics, after what is trained by then: `head` or `fine-tuning`.
    """

    catalog: Catalog
    limits: Limits
    descriptors: Path
    run: Path
    progress: Progress
    tell: Callable[[str, Mapping[str, Any]], None] = lambda _part, _line: None

    def described_by(self, model: FeatureExtractor) -> DescribedLibrary:
        """The library as a model describes it."""
        return DescribedLibrary(self.pictures(model.preprocessing), model.encoder, folder=self.descriptors)

    def pictures(self, preprocessing: Preprocessing) -> LibraryPictures:
        """The library's pictures as a model takes them."""
        return LibraryPictures(self.catalog, preprocessing, limits=self.limits)

    @property
    def folder(self) -> RunFolder:
        """Folder of the head's run."""
        return RunFolder(self.run, tell=partial(self.tell, "head"))
