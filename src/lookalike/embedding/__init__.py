"""Images to unit vectors: model descriptions, sources, runtimes."""

from lookalike.embedding.available import AvailableModel, available_model, available_models, is_available
from lookalike.embedding.classifier import Classifier, open_classifier
from lookalike.embedding.derived import derive_model
from lookalike.embedding.descriptions import (
    FileSource,
    Graph,
    HubSource,
    Labels,
    ModelDescription,
    PackagedSource,
    Regions,
    Source,
    WheelSource,
    read_description,
)
from lookalike.embedding.encoder import Encoder, open_encoder, pool_parts
from lookalike.embedding.golden import Golden
from lookalike.embedding.live_model import LiveModelFollower
from lookalike.embedding.pictures import PictureEncoder
from lookalike.embedding.projection import Projection, fit_projection
from lookalike.embedding.registry import (
    ModelStatus,
    describe_model,
    describe_models,
    import_model,
    pull,
    remove_model,
)
from lookalike.embedding.runtimes import RUNTIMES, Mode, RuntimeName
from lookalike.embedding.sources import WHEELS_VARIABLE
from lookalike.embedding.strangers import golden_pictures, stranger_pictures, stranger_vectors

__all__ = [
    "RUNTIMES",
    "WHEELS_VARIABLE",
    "AvailableModel",
    "Classifier",
    "Encoder",
    "FileSource",
    "Golden",
    "Graph",
    "HubSource",
    "Labels",
    "LiveModelFollower",
    "Mode",
    "ModelDescription",
    "ModelStatus",
    "PackagedSource",
    "PictureEncoder",
    "Projection",
    "Regions",
    "RuntimeName",
    "Source",
    "WheelSource",
    "available_model",
    "available_models",
    "derive_model",
    "describe_model",
    "describe_models",
    "fit_projection",
    "golden_pictures",
    "import_model",
    "is_available",
    "open_classifier",
    "open_encoder",
    "pool_parts",
    "pull",
    "read_description",
    "remove_model",
    "stranger_pictures",
    "stranger_vectors",
]
