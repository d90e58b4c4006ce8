"""Fingerprints: a hash of everything that affects a vector."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from lookalike.embedding.descriptions import ModelDescription
from lookalike.embedding.projection import Projection

RECIPE_VERSION = 2
"""Of the code between an image's bytes and its vector: decoding, preprocessing and post-processing.

Raise it when vectors change: libraries then say so, and their next `lookalike index` embeds everything again.

1. The first.
2. Colours are brought to sRGB, pale artwork lies on a dark ground, long pictures are described in parts.
"""

_CONVERSION_VERSION = 1
"""Of the conversion of graphs. Raise it when a converted graph would change; models are then to be pulled again."""


def fingerprint(
    description: ModelDescription,
    *,
    sha256: str,
    dimension: int,
    projection: Projection | None,
    recipe: int = RECIPE_VERSION,
) -> str:
    """SHA-256, 64 hexadecimal digits, of all that changes a vector.

    The runtime, its mode and its threads are not part of it: they agree to cosine 0.999 by contract. Name, summary,
    licence and source are not either: the same weights from another place make the same vectors.

    Args:
        description: of the model.
        sha256: of the model file at its source.
        dimension: of the vectors.
        projection: what the raw descriptor passes last, if anything.
        recipe: version of the code that makes vectors.
    """
    parts: dict[str, Any] = {
        "recipe": recipe,
        "weights": sha256,
        "preprocessing": asdict(description.preprocessing),
        "graph": asdict(description.graph),
        "projection": projection.digest() if projection else None,
        "dimension": dimension,
    }
    if description.labels is not None:
        parts["labels"] = asdict(description.labels)
    return _digest(parts)


def conversion_digest(description: ModelDescription, *, sha256: str) -> str:
    """SHA-256 of all that changes a converted graph: a graph with another one was made by another version of us."""
    size = description.preprocessing.size
    graph = asdict(description.graph)
    return _digest({"recipe": _CONVERSION_VERSION, "weights": sha256, "graph": graph, "size": size})


def _digest(parts: dict[str, Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
