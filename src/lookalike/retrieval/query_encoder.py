"""What is asked, as a vector of the model that answers."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel, content_id
from lookalike.columns import ImageRow
from lookalike.embedding import PictureEncoder
from lookalike.errors import QueryRefused, UnknownImage
from lookalike.keypoints import ASKED, Keypoints
from lookalike.preprocessing import Limits, Prepared, Preparer, Preprocessing, picture_keypoints, prepare
from lookalike.reranking import RankingQuery
from lookalike.retrieval.filters import NO_FILTERS, Filters
from lookalike.retrieval.live import Live
from lookalike.retrieval.query import IndexedImage, Picture, Query, Words
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.types import Box, Image, Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedQuery:
    """A query as a vector.

    Attributes:
        about: what re-rankers may know of the query.
        vector: [dimension] float32, with the precision of stored ones, and not centred.
        columns: what would be kept of its picture, where that is a whole one and known.
        crop: the part of the picture that was asked with, in fractions.
        width: of the upright picture, pixels; 0 where it was not looked at.
        height: likewise.
        filters: what every hit meets.
        picture_id: that an image of the picture's bytes has; None where an indexed image is asked with.
    """

    about: RankingQuery
    vector: NDArray[np.float32]
    columns: ImageRow | None = None
    crop: Box | None = None
    width: int = 0
    height: int = 0
    filters: Filters = NO_FILTERS
    picture_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedQuery:
    """A query whose picture was decoded for a model, which is yet to embed it.

    Attributes:
        query: what is asked.
        preprocessing: that the picture was prepared by.
        prepared: the picture, or the part of it that is asked with.
        keypoints: of the same, where hits are to be verified.
        milliseconds: that decoding took.
    """

    query: Query
    preprocessing: Preprocessing
    prepared: Prepared
    keypoints: Keypoints | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedQuery:
    """A query after its first two steps.

    Attributes:
        encoded: its vector, and what else is known of its picture.
        model: whose vector that is.
        milliseconds: that the steps took, by stage.
    """

    encoded: EncodedQuery
    model: LiveModel
    milliseconds: Mapping[str, float]


class QueryEncoder:
    """Makes vectors of queries. Thread-safe.

    Args:
        catalog: where indexed images are looked up.
        limits: for query pictures.
        decoding: what prepares them.
    """

    def __init__(self, catalog: Catalog, *, limits: Limits | None = None, decoding: Preparer = prepare) -> None:
        self._catalog = catalog
        self._limits = limits or Limits()
        self._decoding = decoding

    def encode(self, query: Query, live: Live, clock: Stopwatch) -> EncodedQuery:
        """The query as a vector of a model: the stored one of a whole indexed image, else a new one.

        Args:
            query: what is asked.
            live: the model, and what its vectors are searched by.
            clock: is told how long the stages decode and embed take.

        Raises:
            ImageRefused: the query's bytes are not an image we accept.
            CropRefused: the crop does not fit the picture.
            UnknownImage: the indexed image is not a public image of this library.
            QueryRefused: it is words, and the model knows none.
            DependencyMissing: hits are to be verified, and OpenCV is not installed.
        """
        if isinstance(query.subject, IndexedImage) and query.crop is None:
            with clock("embed"):
                stored = self._stored(query, self.public_image(query.subject.image_id), live)
            if stored is not None:
                return self._with_keypoints(stored, query, clock)
        decoded = self.decode(query, live)
        clock.add("decode", decoded.milliseconds)
        with clock("embed"):
            return self.embed(decoded, live)

    def decode(self, query: Query, live: Live) -> DecodedQuery:
        """The picture that is asked with, decoded for a model. Raises as `encode` does."""
        started = time.perf_counter()
        subject = query.subject
        if isinstance(subject, Words):
            raise QueryRefused(f"{live.model.name} finds images by pictures only: it cannot be asked with words")
        if isinstance(subject, IndexedImage):
            image = self.public_image(subject.image_id)
            subject = Picture(content=self._catalog.images.content(image.id), name=image.id)
        pictures = PictureEncoder(encoder=live.encoder, limits=self._limits, decoding=self._decoding)
        prepared = pictures.prepare(subject.content, name=subject.name, crop=query.crop)
        keypoints = self._keypoints(query) if query.verify else None
        return DecodedQuery(
            query=query,
            preprocessing=live.encoder.preprocessing,
            prepared=prepared,
            keypoints=keypoints,
            milliseconds=(time.perf_counter() - started) * 1000,
        )

    def embed(self, decoded: DecodedQuery, live: Live) -> EncodedQuery:
        """The vector of a decoded query by a model, which is decoded again where that was for another model."""
        if decoded.preprocessing != live.encoder.preprocessing:
            decoded = self.decode(decoded.query, live)
        query, prepared = decoded.query, decoded.prepared
        vector = PictureEncoder(encoder=live.encoder, limits=self._limits, decoding=self._decoding).encode(prepared)
        return EncodedQuery(
            about=replace(query.about, keypoints=decoded.keypoints),
            vector=vector,
            filters=query.filters,
            columns=prepared.columns if query.crop is None else None,
            crop=query.crop.as_fractions(prepared.width, prepared.height) if query.crop else None,
            width=prepared.width,
            height=prepared.height,
            picture_id=None if query.content is None else content_id(query.content),
        )

    def _with_keypoints(self, encoded: EncodedQuery, query: Query, clock: Stopwatch) -> EncodedQuery:
        if not query.verify:
            return encoded
        with clock("decode"):
            return replace(encoded, about=replace(encoded.about, keypoints=self._keypoints(query)))

    def _keypoints(self, query: Query) -> Keypoints:
        """Of the picture or the part of it that is asked with."""
        content, name = query.content, "query"
        if content is None:
            name = query.image_id or ""
            content = self._catalog.images.content(name)
        return picture_keypoints(content, ASKED, name=name, limits=self._limits, crop=query.crop)

    def public_image(self, image_id: str) -> Image:
        """The record of an image that can be searched with.

        Raises:
            UnknownImage: there is none of that id, or it is hidden, which is not told apart; or it could not be read.
        """
        image = self._catalog.images.get_many([image_id], visibility=Visibility.PUBLIC).get(image_id)
        if image is None:
            raise UnknownImage.of(image_id)
        if image.error is not None:
            raise UnknownImage(f"image {image_id!a} cannot be searched with: it could not be read")
        return image

    def _stored(self, query: Query, image: Image, live: Live) -> EncodedQuery | None:
        """By the vector that was stored when the image was indexed."""
        columns, vector = live.view.picture(image.id) or (None, None)
        if vector is None:
            vector = self._catalog.vectors.get(live.model.fingerprint, [image.id]).get(image.id)
        if vector is None:
            return None
        return EncodedQuery(
            about=query.about,
            vector=vector,
            columns=columns,
            width=image.width,
            height=image.height,
            filters=query.filters,
        )
