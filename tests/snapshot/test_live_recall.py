import numpy as np
import pytest

from lookalike.snapshot import live_recall, newest
from lookalike.types import Neighbors, Visibility
from parts import Parts


@pytest.fixture
def parts(tmp_path):
    with Parts(tmp_path / "library") as made:
        yield made


def measure(parts, **options):
    return live_recall(parts.catalog, parts.snapshots, **options)


def publish(parts, seeds=range(20)):
    for seed in seeds:
        parts.upload(seed)
    return parts.publisher.publish(parts.indexer.model)


def test_nothing_is_measured_where_nothing_is_published(parts):
    assert measure(parts) is None
    parts.upload(1)
    assert measure(parts) is None


def test_exact_search_finds_everything(parts):
    snapshot = publish(parts)
    found = measure(parts)
    assert (found.recall.mean, found.recall.queries, found.images) == (1.0, 20, 20)
    assert (found.backend, found.snapshot) == ("exact", snapshot.manifest.number)
    assert measure(parts, queries=7).recall.queries == 7


def test_what_an_index_misses_is_seen(parts, monkeypatch):
    publish(parts)
    index = type(newest(parts.snapshots, parts.indexer.model.fingerprint).index)
    search = index.search

    def forgetful(self, queries, k, *, allowed=None):
        found = search(self, queries, k, allowed=allowed)
        own = np.isclose(found.cosines, 1, atol=1e-3)
        forgotten = np.cumsum(~own, axis=1) % 2 == 0  # every second of the others
        return Neighbors(rows=np.where(forgotten & ~own, -1, found.rows), cosines=found.cosines)

    monkeypatch.setattr(index, "search", forgetful)
    assert measure(parts).recall.mean == pytest.approx(0.5, abs=0.05)


def test_it_measures_what_is_public_now(parts):
    publish(parts)
    ids = [hit.image.id for hit in parts.find(image_id=parts.upload(3), limit=12).hits]
    parts.catalog.images.delete(ids[0])
    parts.catalog.images.update(ids[1], visibility=Visibility.PRIVATE)
    parts.upload(1_000)  # in no snapshot yet
    found = measure(parts)
    assert found.recall.mean == 1.0
    assert found.images == 18


def test_a_library_of_one(parts):
    publish(parts, range(1))
    assert measure(parts).recall.mean == 1.0
