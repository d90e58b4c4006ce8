"""Bytes to what the catalog stores of an image, with its vector: one path for files and uploads."""

import threading
from dataclasses import replace

from numpy import float32
from numpy.typing import NDArray

from lookalike.catalog import Catalog, ImageAddition, SourceFile, content_id
from lookalike.embedding import Encoder
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, prepare


class ImageReader:
    """Decodes and embeds. Safe to call from many threads.

    An image that has a vector of this model already is not embedded again.

    Args:
        catalog: asked for the vectors that exist.
        encoder: the model.
        limits: for images.
    """

    def __init__(self, catalog: Catalog, encoder: Encoder, limits: Limits) -> None:
        self.limits = limits
        self._catalog = catalog
        self._encoder = encoder
        self._begun: set[str] = set()
        self._lock = threading.Lock()

    def read(self, content: bytes, *, name: str) -> ImageAddition:
        """What to store of an image.

        Raises:
            ImageRefused: the bytes are not an image we accept.
        """
        image_id = content_id(content)
        prepared = prepare(content, self._encoder.preprocessing, name=name, limits=self.limits)
        return ImageAddition(
            content_id=image_id,
            width=prepared.width,
            height=prepared.height,
            mean_colour=prepared.mean_colour,
            difference_hash=prepared.difference_hash,
            media_type=prepared.media_type,
            byte_count=len(content),
            fingerprint=self._encoder.fingerprint,
            vector=self._new_vector(image_id, prepared.batch_row),
        )

    def read_file(self, content: bytes, source: SourceFile, *, restore: bool) -> ImageAddition:
        """What to store of a file: the image, or the reason why it is none."""
        try:
            addition = self.read(content, name=source.path)
        except ImageRefused as refused:
            addition = ImageAddition(
                content_id=content_id(content),
                width=0,
                height=0,
                mean_colour="#000000",
                difference_hash=0,
                media_type="application/octet-stream",
                byte_count=len(content),
                error=refused.message,
            )
        return replace(addition, source=source, restore=restore)

    def forget(self, image_id: str) -> None:
        """The image was stored, or will not be: later readings ask the catalog again."""
        with self._lock:
            self._begun.discard(image_id)

    def _new_vector(self, image_id: str, batch_row: NDArray[float32]) -> NDArray[float32] | None:
        with self._lock:
            if image_id in self._begun:
                return None
            self._begun.add(image_id)
        if self._catalog.vectors(self._encoder.fingerprint, [image_id]):
            return None
        return self._encoder.encode(batch_row[None])[0]
