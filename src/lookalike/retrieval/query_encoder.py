"""What is asked, as a vector of the model that answers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog
from lookalike.columns import ImageRow
from lookalike.embedding import PictureEncoder
from lookalike.errors import QueryRefused, UnknownImage
from lookalike.keypoints import ASKED, Keypoints
from lookalike.preprocessing import Limits, picture_keypoints
from lookalike.reranking import RankingQuery
from lookalike.retrieval.live import Live
from lookalike.retrieval.query import Picture, Query, Words
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
    """

    about: RankingQuery
    vector: NDArray[np.float32]
    columns: ImageRow | None = None
    crop: Box | None = None
    width: int = 0
    height: int = 0


class QueryEncoder:
    """Makes vectors of queries. Thread-safe.

    Args:
        catalog: where indexed images are looked up.
        limits: for query pictures.
    """

    def __init__(self, catalog: Catalog, *, limits: Limits | None = None) -> None:
        self._catalog = catalog
        self._limits = limits or Limits()

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
        encoded = self._encoded(query, live, clock)
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

    def _encoded(self, query: Query, live: Live, clock: Stopwatch) -> EncodedQuery:
        subject = query.subject
        if isinstance(subject, Words):
            raise QueryRefused(f"{live.model.name} finds images by pictures only: it cannot be asked with words")
        if isinstance(subject, Picture):
            return self._embedded(query, subject, live, clock)
        image = self.public_image(subject.image_id)
        if query.crop is None:
            with clock("embed"):
                stored = self._stored(query, image, live)
            if stored is not None:
                return stored
        picture = Picture(content=self._catalog.images.content(image.id), name=image.id)
        return self._embedded(query, picture, live, clock)

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
        return EncodedQuery(about=query.about, vector=vector, columns=columns, width=image.width, height=image.height)

    def _embedded(self, query: Query, picture: Picture, live: Live, clock: Stopwatch) -> EncodedQuery:
        pictures = PictureEncoder(encoder=live.encoder, limits=self._limits)
        with clock("decode"):
            prepared = pictures.prepare(picture.content, name=picture.name, crop=query.crop)
        with clock("embed"):
            vector = pictures.encode(prepared)
        return EncodedQuery(
            about=query.about,
            vector=vector,
            columns=prepared.columns if query.crop is None else None,
            crop=query.crop.as_fractions(prepared.width, prepared.height) if query.crop else None,
            width=prepared.width,
            height=prepared.height,
        )
