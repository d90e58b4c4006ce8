import threading
import time

from lookalike.snapshot import newest
from lookalike.types import Neighbors
from pictures import jpeg_bytes, photo
from serving.gauges import gauges

LIVE = "lookalike_live_recall_at_10"


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
