import threading
import time

from prometheus_client.parser import text_string_to_metric_families

from lookalike.snapshot import newest
from lookalike.types import Neighbors
from pictures import jpeg_bytes, photo

NAME = "lookalike_index_recall_at_10"
LIVE = "lookalike_live_recall_at_10"


def gauges(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_recall_that_the_open_snapshot_was_published_with_is_a_gauge(library, images, client):
    client.search(jpeg_bytes(photo(seed=0)))
    assert NAME not in gauges(client), "an index that is not there has no recall"
    manifest = library.publisher.publish(library.indexer.model).manifest
    deadline = time.monotonic() + 60
    while NAME not in gauges(client):
        assert time.monotonic() < deadline
        client.search(jpeg_bytes(photo(seed=0)))
    assert gauges(client)[NAME] == manifest.recall_at_10 == 1.0


def test_the_recall_of_the_latest_searches_is_a_gauge_while_serving(library, images, client_of, monkeypatch):
    library.publisher.publish(library.indexer.model)
    index = type(newest(library.snapshots, library.indexer.model.fingerprint).index)
    search = index.search

    def forgetful(self, queries, k, *, allowed=None):
        found = search(self, queries, k, allowed=allowed)
        rows = found.rows.copy()
        rows[:, 1::2] = -1
        return Neighbors(rows=rows, cosines=found.cosines)

    monkeypatch.setattr(index, "search", forgetful)
    client = client_of(recall_seconds=0.02)
    for seed in range(19):
        client.search(jpeg_bytes(photo(seed=seed)))
    assert LIVE not in gauges(client), "so few searches say nothing"
    for seed in range(6):
        client.search(jpeg_bytes(photo(seed=seed)))
    deadline = time.monotonic() + 60
    while gauges(client).get("lookalike_live_recall_queries") != 25:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert gauges(client)[LIVE] == 0.5


def test_nothing_is_measured_when_that_is_off(library, images, client_of):
    client_of(recall_seconds=None)
    assert "recall-watch" not in {thread.name for thread in threading.enumerate()}
