import json
import os
import subprocess
import sys
import time

from prometheus_client.parser import text_string_to_metric_families

from pictures import jpeg_bytes, photo
from serving.gauges import gauges


def metrics(client):
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(families, family, sample=None, **labels):
    found = [s.value for s in families[family].samples if s.name == (sample or family) and s.labels == labels]
    assert len(found) == 1, families[family]
    return found[0]


def test_metrics_count_what_happened(client, images):
    client.search(jpeg_bytes(photo(seed=0)))
    client.post("/v1/search", json={"image_id": images[0]})
    client.post("/v1/search", json={"image_id": "0" * 32})
    client.post("/v1/images", files={"image": ("a.jpg", jpeg_bytes(photo(seed=77)))})
    for image_id in images[:3]:
        client.get(f"/v1/images/{image_id}")
    families = metrics(client)
    requests = ("lookalike_http_requests", "lookalike_http_requests_total")
    assert value(families, *requests, method="POST", route="/v1/search", status="200") == 2
    assert value(families, *requests, method="POST", route="/v1/search", status="404") == 1
    assert value(families, *requests, method="GET", route="/v1/images/{image_id}", status="200") == 3
    seconds = ("lookalike_http_request_seconds", "lookalike_http_request_seconds_count")
    assert value(families, *seconds, method="POST", route="/v1/search") == 3
    stages = ("lookalike_search_stage_seconds", "lookalike_search_stage_seconds_count")
    for stage in ("decode", "embed", "search", "rerank"):
        assert value(families, *stages, stage=stage) == 2
    runs = ("lookalike_model_runs", "lookalike_model_runs_total")
    assert value(families, *runs, purpose="search") == 1
    assert value(families, *runs, purpose="upload") == 1
    assert value(families, "lookalike_ready") == 1
    assert value(families, "lookalike_index_images") == 12
    assert value(families, "lookalike_tail_images") == 12
    assert value(families, "lookalike_snapshot_number") == 0
    assert value(families, "lookalike_catalog_sequence") > 0
    for queue in (
        "model",
        "decoding",
        "searching",
        "fetching",
        "reading",
        "files",
        "writing",
        "events",
        "uploads",
        "thumbnails",
    ):
        assert value(families, "lookalike_queue_waiting", queue=queue) == 0
    assert "process_resident_memory_bytes" in families


def test_callers_cannot_invent_labels(client, images):
    for number in range(30):
        client.get(f"/invented/{number}")
        client.request(f"METHOD{number}", "/healthz")
        client.get(f"/v1/images/{number:032x}")
        client.get(f"/page/{number}.js")
    samples = metrics(client)["lookalike_http_requests"].samples
    assert len(samples) < 20
    assert {sample.labels["method"] for sample in samples} <= {"GET", "POST", "other"}


def test_each_app_counts_for_itself(client_of, images):
    first, second = client_of(), client_of()
    first.get("/v1/images")
    assert "/v1/images" in first.get("/metrics").text
    assert "/v1/images" not in second.get("/metrics").text


def test_the_access_log_is_json_and_off_by_default(client_of, images, caplog):
    caplog.set_level("INFO", logger="lookalike.serving.access")
    client_of().get("/v1/images?tag=secret")
    assert not [record for record in caplog.records if record.name == "lookalike.serving.access"]
    client_of(access_log=True).get("/v1/images?tag=secret")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "lookalike.serving.access"]
    entry = json.loads(line)
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v1/images", 200)
    assert entry["ms"] > 0


NAME = "lookalike_index_recall_at_10"


def test_the_recall_that_the_open_snapshot_was_published_with_is_a_gauge(library, images, client):
    client.search(jpeg_bytes(photo(seed=0)))
    assert NAME not in gauges(client), "an index that is not there has no recall"
    manifest = library.publisher.publish(library.indexer.model).manifest
    deadline = time.monotonic() + 60
    while NAME not in gauges(client):
        assert time.monotonic() < deadline
        client.search(jpeg_bytes(photo(seed=0)))
    assert gauges(client)[NAME] == manifest.recall_at_10 == 1.0


WORKER = """
import sys
from types import SimpleNamespace
from lookalike.serving.metrics import Meters
from lookalike.types import ModerationState

gate = SimpleNamespace(name="model", running=1, waiting=2, refusals=3)
readiness = SimpleNamespace(ready=True, images=12, tail=0, recall_at_10=None, snapshot=1, watermark=5)
services = SimpleNamespace(
    engine=SimpleNamespace(ready=lambda: readiness),
    catalog=SimpleNamespace(
        changes=SimpleNamespace(sequence=lambda: 5),
        moderation=SimpleNamespace(counts=lambda: {ModerationState.HELD: 7}),
    ),
)
meters = Meters(services, [gate], SimpleNamespace(latest=None))
meters.answered("GET", "/v1/images", 200, 0.004)
assert meters.are_shared
print(meters.exposition().body.decode())
"""


def test_workers_count_together(tmp_path):
    told = [
        subprocess.run(
            [sys.executable, "-c", WORKER],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(3)
    ]
    families = {family.name: family for family in text_string_to_metric_families(told[-1])}
    requests = ("lookalike_http_requests", "lookalike_http_requests_total")
    assert value(families, *requests, method="GET", route="/v1/images", status="200") == 3
    assert value(families, "lookalike_queue_waiting", queue="model") == 6
    assert value(families, "lookalike_moderated_images", state="held") == 7
    assert value(families, "lookalike_queue_refusals", "lookalike_queue_refusals_total", queue="model") == 9
    assert value(families, "lookalike_index_images") == 12
