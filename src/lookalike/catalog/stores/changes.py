"""The change sequence: which moment the catalog is at, and what changed since another one."""

from lookalike.catalog import changing, facts, vectors
from lookalike.catalog.database import Database
from lookalike.catalog.facts import ImageFacts
from lookalike.catalog.records import CatalogState, Change, ChangesSince


class ChangeSequence:
    """The numbered changes of images."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sequence(self) -> int:
        """The number of the newest change; cheap enough to ask at each search."""
        return self.state().sequence

    def state(self) -> CatalogState:
        """The moment the catalog is at; cheap enough to ask at each search."""
        return changing.as_state(self._database.glance(changing.READ_STATE))

    def has_been(self, state: CatalogState) -> bool:
        """Whether that state is in this catalog's past. It is not, once an older or another catalog takes its place."""
        with self._database.reading() as connection:
            return changing.is_past(connection, state)

    def since(self, state: CatalogState, *, fingerprint: str) -> ChangesSince | None:
        """What changed since the catalog was in that state.

        Args:
            state: the state to go on from.
            fingerprint: of the model whose vectors are wanted.

        Returns:
            None where the catalog was never in that state: another one, or an older one, has taken its place.
        """
        with self._database.reading() as connection:
            return vectors.read_changes_since(connection, state, fingerprint=fingerprint)

    def facts(self, state: CatalogState) -> ImageFacts | None:
        """Sizes, times, owners and tags of live images that changed since the catalog was in that state.

        Args:
            state: the state to go on from; `BEGINNING` for every image.

        Returns:
            None where the catalog was never in that state.
        """
        with self._database.reading() as connection:
            return facts.read_facts(connection, state)

    def read(self, *, after: int, fingerprint: str, limit: int = 10_000) -> list[Change]:
        """What changed above a watermark, oldest first, each image once, in its newest state.

        Ask again with the last one's `sequence` until fewer than `limit` come.
        """
        with self._database.reading() as connection:
            return vectors.read_changes(connection, after=after, fingerprint=fingerprint, limit=limit)
