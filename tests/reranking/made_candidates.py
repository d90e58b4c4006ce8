"""Candidates made by hand, of two-dimensional vectors."""

import numpy as np

from lookalike.columns import image_row, unknown_rows
from lookalike.reranking import (
    Candidates,
    RankingQuery,
)

WHOLE = RankingQuery(image_id=None, include_self=True)


COLOURFUL = np.concatenate([np.tile([40, 200], 32), np.full(32, 125)]).astype(np.uint8)  # luma of 64 cells, then chroma


def candidates(*names, angles=None, hashes=None, rows=None):
    """One for each name, of equal vectors, hashes and colours where nothing else is given."""
    if rows is None:
        rows = [image_row(difference_hash=one, colour_signature=COLOURFUL) for one in hashes or [7] * len(names)]
    angles = np.zeros(len(names)) if angles is None else np.array(angles)
    return Candidates(
        image_ids=tuple(f"{name:032x}" for name in names),
        cosines=np.full(len(names), 0.5),
        vectors=np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32),
        columns=np.array(rows, unknown_rows(0).dtype),
    )


def ids(found):
    return [int(image_id, 16) for image_id in found.image_ids]
