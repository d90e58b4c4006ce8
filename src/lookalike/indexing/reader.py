"""Bytes to what the catalog stores of an image, with its vector: one path for files and uploads."""

import threading
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, TypedDict, Unpack

from numpy import float32
from numpy.typing import NDArray

from lookalike.catalog import Catalog, ImageAddition, SourceFile, content_id
from lookalike.columns import ImageRow
from lookalike.embedding import Encoder, PictureEncoder
from lookalike.errors import ImageRefused
from lookalike.preprocessing import Limits, Prepared
from lookalike.types import Visibility


class Placement(TypedDict, total=False):
    """Where an image comes from and to whom it belongs: the fields of `ImageAddition` that its bytes do not say."""

    source: SourceFile
    upload: bytes
    upload_name: str | None
    owner_id: str | None
    tags: tuple[str, ...]
    visibility: Visibility
    restore: bool


class Described(NamedTuple):
    """What is kept of one image: its columns, and its vector, [dimension] float32."""

    columns: ImageRow
    vector: NDArray[float32]


class ImageReader:
    """Decodes and embeds. Safe to call from many threads.

    An image that has a vector of this model already, or is being given one by another thread, is not embedded again.

    Args:
        catalog: asked for the vectors that exist.
        encoder: the model.
        limits: for images.

    Attributes:
        refused_under: what a refusal depends on beside the bytes; where it is another, refused files are read again.
    """

    def __init__(self, catalog: Catalog, encoder: Encoder, limits: Limits) -> None:
        self.limits = limits
        self._catalog = catalog
        self._encoder = encoder
        self._pictures = PictureEncoder(encoder=encoder, limits=limits)
        self._none_stored = False
        self._begun: set[str] = set()
        self._lock = threading.Lock()
        self.refused_under = _limits_and_decoders(limits)

    def begin_run(self) -> None:
        """Many readings follow. Where the catalog has no vector of this model, it need not be asked for each image."""
        counts = self._catalog.counts()
        self._none_stored = not counts.removed and not counts.vectors.get(self._encoder.fingerprint)

    def read(self, content: bytes, *, name: str, alone: bool = False, **placement: Unpack[Placement]) -> ImageAddition:
        """What to store of an image. Call `forget` when it is stored, unless `alone`.

        `alone` embeds in any case: an upload is only acknowledged with its vector, and the time that takes must not
        tell whether the library has its bytes already.

        Raises:
            ImageRefused: the bytes are not an image we accept.
        """
        prepared = self._pictures.prepare(content, name=name)
        image_id = content_id(content)
        vector = self._new_vector(image_id, prepared, alone=alone)
        return ImageAddition(
            content_id=image_id,
            width=prepared.width,
            height=prepared.height,
            mean_colour=prepared.mean_colour,
            media_type=prepared.media_type,
            byte_count=len(content),
            columns=prepared.columns,
            fingerprint=None if vector is None else self._encoder.fingerprint,
            vector=vector,
            **placement,
        )

    def read_or_explain(self, content: bytes, *, name: str, **placement: Unpack[Placement]) -> ImageAddition:
        """As `read`, but bytes that are no image become a record of why, and known ones are not decoded."""
        image_id = content_id(content)
        known = None if self._none_stored else self._catalog.images.known(self._encoder.fingerprint, image_id)
        if known is not None:
            return ImageAddition(
                content_id=image_id,
                width=known.width,
                height=known.height,
                mean_colour=known.mean_colour,
                media_type=known.media_type,
                byte_count=len(content),
                columns=known.columns,
                **placement,
            )
        try:
            return self.read(content, name=name, **placement)
        except ImageRefused as refused:
            return ImageAddition(
                content_id=image_id,
                width=0,
                height=0,
                mean_colour="#000000",
                media_type="application/octet-stream",
                byte_count=len(content),
                error=refused.message,
                refused_under=self.refused_under,
                **placement,
            )

    def describe(self, content: bytes, *, name: str) -> Described:
        """What is kept of an image that is stored already.

        Raises:
            ImageRefused: the bytes are not an image we accept.
        """
        prepared = self._pictures.prepare(content, name=name)
        return Described(columns=prepared.columns, vector=self._pictures.encode(prepared))

    def embed(self, content: bytes, *, name: str) -> NDArray[float32]:
        """The vector of an image, [dimension] float32.

        Raises:
            ImageRefused: the bytes are not an image we accept.
        """
        return self._pictures.vector(content, name=name)

    def forget(self, image_ids: Sequence[str]) -> None:
        """These were stored, or will not be: later readings ask the catalog again."""
        with self._lock:
            self._begun.difference_update(image_ids)

    def _new_vector(self, image_id: str, prepared: Prepared, *, alone: bool) -> NDArray[float32] | None:
        if alone:
            return self._pictures.encode(prepared)
        with self._lock:
            if image_id in self._begun:
                return None
            self._begun.add(image_id)
        if not self._none_stored and self._catalog.vectors.get(self._encoder.fingerprint, [image_id]):
            return None
        return self._pictures.encode(prepared)


_DECODERS = ("lookalike", "pillow", "pillow-heif", "pillow-avif-plugin", "rawpy", "tifffile", "imagecodecs")


def _limits_and_decoders(limits: Limits) -> str:
    """A hash of the limits and of the versions of what decodes."""
    parts = [repr(limits)]
    for package in _DECODERS:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return sha256("\n".join(parts).encode()).hexdigest()[:16]
