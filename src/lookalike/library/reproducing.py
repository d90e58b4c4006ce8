"""Whether the live model gives images the vectors that the library holds of them.

Another runtime, driver or version of a decoder may compute something else under the same name: then a query and the
stored vectors mean different things, and every search is quietly wrong. A few images are enough to notice.
"""

from itertools import islice

import numpy as np

from lookalike.embedding import PictureEncoder
from lookalike.errors import CallerError, ModelMissing, VectorsRefused
from lookalike.library.parts import LibraryParts
from lookalike.types import Visibility

LEAST_COSINE = 0.9999
"""That a vector made now may have to the stored one."""

_IMAGES = 4
_LOOKED_AT = 40  # files may be gone


def least_cosine(library: LibraryParts, *, images: int = _IMAGES) -> float | None:
    """The least cosine of the vectors of a few public images to those that are made of them now.

    Args:
        library: with a live model.
        images: how many.

    Returns:
        None where no image's file is at hand.

    Raises:
        LibraryMissing, ModelMissing, VectorsRefused: the live model is not on this machine.
    """
    live = library.require_live()
    pictures = PictureEncoder(encoder=library.live_model.encoder_of(live), limits=library.limits)
    found = library.catalog.images.browse(limit=_LOOKED_AT, visibility=Visibility.PUBLIC).images
    stored = library.catalog.vectors.get(live.fingerprint, [image.id for image in found])
    cosines = (_cosine(library, pictures, image_id, vector) for image_id, vector in stored.items())
    compared = list(islice((cosine for cosine in cosines if cosine is not None), images))
    return min(compared) if compared else None


def require_reproduced(library: LibraryParts) -> None:
    """Let a model answer that gives images the vectors that the library holds, or that is not on this machine yet.

    Raises:
        VectorsRefused: it gives them others.
    """
    try:
        least = least_cosine(library)
    except ModelMissing:
        return
    if least is not None and least < LEAST_COSINE:
        raise VectorsRefused(
            f"the model {library.require_live().name} gives images of this library other vectors here than those that"
            f" are stored (cosine {least:.5f}, at least {LEAST_COSINE} is needed): another runtime or decoder computes"
            " something else; choose the runtime that the library was indexed with (setting `runtime`), or index again"
        )


def _cosine(library: LibraryParts, pictures: PictureEncoder, image_id: str, stored: np.ndarray) -> float | None:
    try:
        vector = pictures.vector(library.catalog.images.content(image_id), name=image_id)
    except CallerError:  # its file is gone, or limits are lower now
        return None
    lengths = np.linalg.norm(vector) * np.linalg.norm(stored)
    return float(np.dot(vector.astype(np.float64), stored.astype(np.float64)) / max(lengths, 1e-12))
