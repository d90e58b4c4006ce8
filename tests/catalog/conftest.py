"""A catalog on each database, see `postgresql_server`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog import Catalog, ImageAddition, QueryRecord, SourceFile, content_id
from lookalike.columns import image_row
from lookalike.types import Interaction, InteractionKind

FINGERPRINT = "5" * 64
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def unit(seed: object, *, dimension: int = 8):
    """A unit vector that float16 keeps exactly enough to compare."""
    vector = np.random.default_rng(abs(hash(seed))).normal(size=dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Library:
    """A catalog and short ways to fill it."""

    fingerprint = FINGERPRINT
    unit = staticmethod(unit)

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def another(self) -> Catalog:
        """The same catalog, opened as another process would."""
        url = self.catalog.database.engine.url.render_as_string(hide_password=False)
        return Catalog.open(url, originals=self.catalog.originals.directory)

    @staticmethod
    def addition(name="a", *, path=None, content=None, vector=None, **options) -> ImageAddition:
        """An image whose bytes are its name, seen at /photos/NAME unless it is an upload."""
        content = content or name.encode("utf-8", "surrogateescape")
        if path is None and "upload" not in options:
            path = f"/photos/{name}"
        described: dict[str, Any] = {
            "width": 40,
            "height": 30,
            "mean_colour": "#102030",
            "columns": image_row(difference_hash=7),
        } | options
        return ImageAddition(
            content_id=content_id(content),
            media_type="image/png",
            byte_count=len(content),
            source=None if path is None else SourceFile(path=path, byte_count=len(content), modified_ns=1),
            fingerprint=None if vector is None else FINGERPRINT,
            vector=vector,
            **described,
        )

    def add(self, name="a", **options) -> str:
        """The id of an image that is added by itself."""
        addition = self.addition(name, **options)
        self.catalog.images.add([addition])
        return str(addition.content_id)

    def upload(self, content=b"picture", **options) -> str:
        return self.add(content=content, upload=content, **options)

    def ask(self, query_id: str = "q", *, ranked=(), at=NOON, **options) -> str:
        self.catalog.queries.write(
            [QueryRecord(id=query_id, generation="g", ranked_ids=tuple(ranked), at=at, **options)]
        )
        return query_id

    @staticmethod
    def event(event_id, query_id, image_id, **options) -> Interaction:
        described: dict[str, Any] = {"position": 1, "kind": InteractionKind.CLICK, "at": NOON} | options
        return Interaction(event_id=event_id, query_id=query_id, image_id=image_id, **described)


@pytest.fixture
def library(new_url: Callable[[], str], tmp_path: Path) -> Iterator[Library]:
    with Catalog.open(new_url(), originals=tmp_path / "originals") as catalog:
        yield Library(catalog)


@pytest.fixture
def catalog(library: Library) -> Catalog:
    return library.catalog


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "library" / "catalog.sqlite"
