"""The name of everything that changes a vector."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from lookalike.embedding.descriptions import ModelDescription
from lookalike.embedding.projection import Projection

RECIPE_VERSION = 1
"""Of the code between model file and vector: graph conversion and post-processing. Raise it when vectors change."""


def fingerprint(description: ModelDescription, *, sha256: str, dimension: int, projection: Projection | None) -> str:
    """SHA-256, 64 hexadecimal digits, of all that changes a vector.

    The runtime, its mode and its threads are not part of it: they agree to cosine 0.999 by contract. Name, summary,
    licence and source are not either: the same weights from another place make the same vectors.

    Args:
        description: of the model.
        sha256: of the model file at its source.
        dimension: of the vectors.
        projection: what the raw descriptor passes last, if anything.
    """
    parts = {
        "recipe": RECIPE_VERSION,
        "weights": sha256,
        "preprocessing": asdict(description.preprocessing),
        "graph": asdict(description.graph),
        "projection": projection.digest() if projection else None,
        "dimension": dimension,
    }
    return _digest(parts)


def conversion_digest(description: ModelDescription, *, sha256: str) -> str:
    """SHA-256 of all that changes a converted graph: a graph with another one was made by another version of us."""
    size = description.preprocessing.size
    return _digest({"recipe": RECIPE_VERSION, "weights": sha256, "graph": asdict(description.graph), "size": size})


def _digest(parts: dict[str, Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
