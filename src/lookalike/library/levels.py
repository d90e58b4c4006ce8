"""All levels of a model's network as features. Needs torch."""

from lookalike.library.learning import LearningStart
from lookalike.library.parts import LibraryParts
from lookalike.training.extractors import FeatureExtractor
from lookalike.training.network.extractors import LevelFeatures


def level_features(library: LibraryParts, start: LearningStart, *, labelled: bool) -> FeatureExtractor:
    """All levels of the base's network, to learn over.

    Raises:
        FetchFailed: the network's weights could not be had.
        DependencyMissing: torch is not installed.
    """
    return LevelFeatures(
        start.base.base,
        folder=start.folder / "backbones",
        models=library.settings.models,
        threads=library.settings.threads or None,
        labelled=labelled,
    )
