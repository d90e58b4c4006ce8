"""Reading the files of one run, such that no image is decoded or embedded twice."""

import threading
from collections.abc import Sequence
from typing import Unpack

from numpy import float32
from numpy.typing import NDArray

from lookalike.catalog import Catalog, ImageAddition, content_id
from lookalike.embedding import PictureEncoder
from lookalike.errors import ImageRefused
from lookalike.indexing.moderating import Moderator, moderated
from lookalike.indexing.reading import Placement, addition_of, refused_under, with_vector
from lookalike.preprocessing import Prepared


class RunReader:
    """Reads files for one run. Safe to call from many threads.

    An image that has a vector of the model already, or is being given one by another thread, is not embedded again.

    Args:
        catalog: asked for what is known; once now, so that a run into an empty library need not ask for each image.
        pictures: decodes and embeds.
        moderator: looks at new images; None where nobody does.
    """

    def __init__(self, catalog: Catalog, pictures: PictureEncoder, moderator: Moderator | None = None) -> None:
        counts = catalog.counts()
        self._none_stored = not counts.removed and not counts.vectors.get(pictures.encoder.fingerprint)
        self._catalog = catalog
        self._pictures = pictures
        self._moderator = moderator
        self._fingerprint = pictures.encoder.fingerprint
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    def addition(self, content: bytes, *, name: str, **placement: Unpack[Placement]) -> ImageAddition:
        """What to store of a file; bytes that are no image become a record of why, and known ones are not decoded.

        Its image is this thread's to embed until `release`.
        """
        image_id = content_id(content)
        known = None if self._none_stored else self._catalog.images.known(self._fingerprint, image_id)
        if known is not None:
            return addition_of(image_id, len(content), known, **placement)
        try:
            prepared = self._pictures.prepare(content, name=name)
        except ImageRefused as refused:
            return ImageAddition(
                content_id=image_id,
                width=0,
                height=0,
                mean_colour="#000000",
                media_type="application/octet-stream",
                byte_count=len(content),
                error=refused.message,
                refused_under=refused_under(self._pictures.limits),
                **placement,
            )
        addition = addition_of(image_id, len(content), prepared, **placement)
        addition = moderated(self._moderator, addition, content, name=name)
        vector = self._new_vector(image_id, prepared)
        return addition if vector is None else with_vector(addition, self._fingerprint, vector)

    def release(self, image_ids: Sequence[str]) -> None:
        """These were stored, or will not be: the catalog knows from now on whether they have a vector."""
        with self._lock:
            self._claimed.difference_update(image_ids)

    def _new_vector(self, image_id: str, prepared: Prepared) -> NDArray[float32] | None:
        with self._lock:
            if image_id in self._claimed:
                return None
            self._claimed.add(image_id)
        if not self._none_stored and self._catalog.vectors.get(self._fingerprint, [image_id]):
            return None
        return self._pictures.encode(prepared)
