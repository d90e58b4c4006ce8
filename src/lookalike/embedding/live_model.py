"""The model that answers in a library, opened once for all who need it."""

import threading
from collections.abc import Callable

from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding.encoder import Encoder
from lookalike.errors import LibraryMissing


class LiveModelFollower:
    """Keeps the live model open.

    There is no notification when another model becomes live: the next request opens the new model and releases the old
    one. Safe to use from many threads.

    Args:
        catalog: stores which model is live.
        open_model: opens a model.
    """

    def __init__(self, catalog: Catalog, *, open_model: Callable[[LiveModel], Encoder]) -> None:
        self._catalog = catalog
        self._open_model = open_model
        self._opened: tuple[LiveModel, Encoder] | None = None
        self._lock = threading.RLock()

    def model(self) -> LiveModel:
        """The model that is live now.

        Raises:
            LibraryMissing: nothing was ever indexed here, so none is.
        """
        model = self._catalog.models.live()
        if model is None:
            raise LibraryMissing.nothing_indexed()
        return model

    def encoder_of(self, model: LiveModel) -> Encoder:
        """A model that the catalog said is live, opened: the one that is open already, where it is the same.

        Raises:
            ModelMissing, UnknownModel, VectorsRefused, LibraryOutdated: it cannot be opened here.
        """
        with self._lock:
            if self._opened is None or self._opened[0] != model:
                self._opened = (model, self._open_model(model))
            return self._opened[1]

    def encoder(self) -> Encoder:
        """The model that is live now, opened.

        Raises:
            LibraryMissing: none is.
            ModelMissing, UnknownModel, VectorsRefused, LibraryOutdated: it cannot be opened here.
        """
        return self.encoder_of(self.model())
