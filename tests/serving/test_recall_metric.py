import time

from prometheus_client.parser import text_string_to_metric_families

from pictures import jpeg_bytes, photo

NAME = "lookalike_index_recall_at_10"


def gauges(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_recall_that_the_open_snapshot_was_published_with_is_a_gauge(library, images, client):
    client.search(jpeg_bytes(photo(seed=0)))
    assert NAME not in gauges(client), "an index that is not there has no recall"
    manifest = library.publisher.publish(library.indexer.model).manifest
    deadline = time.monotonic() + 15
    while NAME not in gauges(client):
        assert time.monotonic() < deadline
        client.search(jpeg_bytes(photo(seed=0)))
    assert gauges(client)[NAME] == manifest.recall_at_10 == 1.0
