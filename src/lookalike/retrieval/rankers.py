"""What ranks images for a query. Whatever the ranker, queries are encoded and neighbours are re-ranked the same way."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import Encoder
from lookalike.keypoints import RECIPE, Keypoints
from lookalike.neighbors import nearest_first, unit_rows
from lookalike.preprocessing import Limits
from lookalike.reranking import CollapseDuplicates, NotItself, ReRanker
from lookalike.retrieval.filtering import FilteredViews
from lookalike.retrieval.live import Live, LiveIndex
from lookalike.retrieval.query import Query
from lookalike.retrieval.query_encoder import EmbeddedQuery, EncodedQuery, QueryEncoder
from lookalike.retrieval.ranking import FIRST_HITS, MANY_HITS, Ranking, ranked
from lookalike.retrieval.stopwatch import Stopwatch
from lookalike.retrieval.view import View
from lookalike.snapshot import Centring, Closeness
from lookalike.types import WHOLE_IMAGE

NEAR_DUPLICATES = CollapseDuplicates()
"""Which images look the same as each other, and as the query."""

RERANKERS: tuple[ReRanker, ...] = (NotItself(), NEAR_DUPLICATES)


def stored_keypoints(catalog: Catalog, image_ids: Sequence[str]) -> dict[str, Keypoints]:
    """Of the images that have some, by their ids."""
    stored = catalog.keypoints.get(RECIPE, image_ids)
    return {image_id: Keypoints.unpacked(packed) for image_id, packed in stored.items()}


class Ranker(Protocol):
    """Ranks images for queries. Thread-safe."""

    def rank(
        self,
        query: Query,
        *,
        wanted: int = 0,
        clock: Stopwatch | None = None,
        embedded: EmbeddedQuery | None = None,
    ) -> Ranking:
        """The images for a query, best first.

        Args:
            query: what is asked.
            wanted: candidates, where the ranker's own depth is less.
            clock: is told how long each stage takes.
            embedded: the same query by a model: used where it is the ranker's.

        Raises:
            ImageRefused: the query's bytes are not an image we accept.
            CropRefused: the crop does not fit the picture.
            UnknownImage: the indexed image is not a public image of this library.
            QueryRefused: the model cannot be asked with such a subject.
        """
        ...

    def rank_encoded(self, query: EncodedQuery, *, wanted: int = 0, clock: Stopwatch | None = None) -> Ranking:
        """The images for a query that is a vector already, best first.

        Args:
            query: as `rank` encoded it, by the same model.
            wanted: candidates, where the ranker's own depth is less.
            clock: is told how long each stage takes.
        """
        ...


class _ViewRanker(ABC):
    """Encodes a query, looks for neighbours in a view, and re-ranks them.

    Args:
        encoder: of queries.
        filtered: what is left under filters.
        rerankers: applied in order.
        depth: candidates that are ranked, where there are as many.
    """

    def __init__(
        self, encoder: QueryEncoder, filtered: FilteredViews, *, rerankers: Sequence[ReRanker], depth: int
    ) -> None:
        self._encoder = encoder
        self._filtered = filtered
        self._rerankers = tuple(rerankers)
        self._depth = depth

    @abstractmethod
    def _live(self) -> Live:
        """The model and the view that answer now."""

    def rank(
        self,
        query: Query,
        *,
        wanted: int = 0,
        clock: Stopwatch | None = None,
        embedded: EmbeddedQuery | None = None,
    ) -> Ranking:
        """See `Ranker`."""
        clock = clock or Stopwatch()
        live = self._live()
        if embedded is None or embedded.model != live.model:
            return self._ranked(self._encoder.encode(query, live, clock), live, wanted, clock)
        for stage, milliseconds in embedded.milliseconds.items():
            clock.add(stage, milliseconds)
        return self._ranked(embedded.encoded, live, wanted, clock)

    def rank_encoded(self, query: EncodedQuery, *, wanted: int = 0, clock: Stopwatch | None = None) -> Ranking:
        """See `Ranker`."""
        return self._ranked(query, self._live(), wanted, clock or Stopwatch())

    def _ranked(self, query: EncodedQuery, live: Live, wanted: int, clock: Stopwatch) -> Ranking:
        with clock("search"):
            live = self._filtered.narrowed(live, query.filters)
        return ranked(query, live, self._rerankers, wanted=max(wanted, self._depth), clock=clock)


class IndexRanker(_ViewRanker):
    """Ranks by the index that serves, and follows the catalog before each query.

    Args:
        index: what answers.
        encoder: of queries.
        filtered: what is left under filters.
        rerankers: applied in order.
        depth: candidates that are ranked, where there are as many.
    """

    def __init__(
        self,
        index: LiveIndex,
        encoder: QueryEncoder,
        filtered: FilteredViews,
        *,
        rerankers: Sequence[ReRanker] = RERANKERS,
        depth: int = FIRST_HITS,
    ) -> None:
        super().__init__(encoder, filtered, rerankers=rerankers, depth=depth)
        self._index = index

    def _live(self) -> Live:
        return self._index.current()


class ExactRanker(_ViewRanker):
    """Ranks by exact search over the vectors one model has in the catalog now, be it the live one or not.

    An index is measured against it, and models are compared by it, apart from any index.

    Args:
        catalog: holds the vectors; all of them are read into memory once.
        encoder: the model; embeds parts of images, and pictures that were not indexed.
        centring: what is taken out of vectors before they are compared: that of the index that it stands beside, or
            that an index of this model would be published with; None for none.
        limits: for query pictures.
        rerankers: applied in order; none for the bare order of cosines.
        depth: candidates that are ranked, where there are as many.

    Attributes:
        name: of the model.
    """

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        *,
        centring: Centring | None = None,
        limits: Limits | None = None,
        rerankers: Sequence[ReRanker] = RERANKERS,
        depth: int = MANY_HITS,
    ) -> None:
        super().__init__(QueryEncoder(catalog, limits=limits), FilteredViews(catalog), rerankers=rerankers, depth=depth)
        self.name = encoder.name
        view = View.whole(catalog, fingerprint=encoder.fingerprint, dimension=encoder.dimension, centring=centring)
        model = LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)
        closeness = Closeness.reference(encoder.reference_cosines)
        self._whole = Live(model=model, encoder=encoder, view=view, closeness=closeness, notes=())
        self._first_rows = np.flatnonzero(view.tail_regions == WHOLE_IMAGE)  # of each image: its other regions follow
        self._ids = np.array(view.tail_ids, dtype=np.str_)[self._first_rows]
        self._units = unit_rows(view.tail_vectors)

    @property
    def size(self) -> int:
        """Images that can be found."""
        return len(self._ids)

    @property
    def image_ids(self) -> list[str]:
        """Of the images that can be found, ascending."""
        ids: list[str] = self._ids.tolist()
        return ids

    def searched(self, query: EncodedQuery) -> NDArray[np.float32]:
        """A query's vector as it is compared with the images', [dimension] float32."""
        return self._whole.view.searched(query.vector, query.crop)

    def everything(self, vector: NDArray[np.float32], most: int | None = None) -> list[str]:
        """All ids by the cosine of their nearest region, or the first `most`, without re-ranking; equal ones by id.

        Args:
            vector: [dimension] float32, as `searched` gives it.
            most: how many are wanted.
        """
        order = nearest_first(self._image_cosines(vector), most)
        ids: list[str] = self._ids[order].tolist()
        return ids

    def cosines(self, vector: NDArray[np.float32], image_ids: Sequence[str]) -> list[float]:
        """Of a query's vector with some images' nearest regions; NaN for those not found.

        Args:
            vector: [dimension] float32, as `searched` gives it.
            image_ids: of the images.
        """
        places = np.searchsorted(self._ids, image_ids) if self.size else np.zeros(len(image_ids), dtype=np.int64)
        places = np.minimum(places, max(self.size - 1, 0))
        known = self._ids[places] == np.array(image_ids, dtype=np.str_) if self.size else np.zeros(len(places), bool)
        values = np.full(len(image_ids), np.nan)
        values[known] = self._image_cosines(vector)[places[known]]
        cosines: list[float] = values.tolist()
        return cosines

    def _image_cosines(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each image's nearest region, [images]."""
        cosines: NDArray[np.float32] = self._units @ (vector / np.linalg.norm(vector))
        return cosines if len(cosines) == self.size else np.maximum.reduceat(cosines, self._first_rows)

    def _live(self) -> Live:
        return self._whole
