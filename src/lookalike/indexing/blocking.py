"""New images that look the same as a picture of the block list are stored, and blocked from the start."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lookalike.catalog import Catalog, ImageAddition
from lookalike.columns import IMAGE_ROW
from lookalike.reranking import BlockedPictures, CollapseDuplicates
from lookalike.types import Visibility


def blocked_where_listed(catalog: Catalog, additions: Sequence[ImageAddition]) -> list[ImageAddition]:
    """The same images, those that must not be shown with the visibility `blocked`."""
    pictures = BlockedPictures.listed_in(catalog)
    if not len(pictures) or not additions:
        return list(additions)
    rows = np.array([addition.columns for addition in additions], IMAGE_ROW)
    blocked = pictures.among([addition.content_id for addition in additions], rows, CollapseDuplicates())
    return [
        replace(addition, visibility=Visibility.BLOCKED) if is_blocked else addition
        for addition, is_blocked in zip(additions, blocked.tolist(), strict=True)
    ]
