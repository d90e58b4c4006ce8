import json
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lookalike.errors import ModelMissing
from pictures import jpeg_bytes, photo


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_process_lives_whatever_the_library_does(client):
    assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_when_the_model_and_the_index_are_open(images, client):
    wait_until(lambda: client.get("/readyz").status_code == 200)
    record = client.get("/readyz").json()
    assert (record["ready"], record["waiting_for"], record["images"], record["tail"]) == (True, "", 12, 12)
    assert record["generation"] == client.search(jpeg_bytes(photo(seed=0))).json()["generation"]


def test_an_empty_library_is_waited_for_and_then_ready_by_itself(client, library, monkeypatch):
    monkeypatch.setattr("lookalike.serving.health._SECONDS_BETWEEN_TRIES", 0.05)
    wait_until(lambda: "lookalike index" in client.get("/readyz").json()["waiting_for"])
    response = client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert response.headers["retry-after"]
    library.add(1)
    wait_until(lambda: client.get("/readyz").status_code == 200)


@pytest.mark.parametrize(
    ("fault", "words"), [(ModelMissing("run `lookalike models pull x`"), "models pull"), (RuntimeError("odd"), "log")]
)
def test_what_keeps_it_from_being_ready_is_said(client_of, library, images, monkeypatch, fault, words):
    def fail():
        raise fault

    monkeypatch.setattr(library.engine, "warm_up", fail)
    client = client_of()
    wait_until(lambda: words in client.get("/readyz").json()["waiting_for"])


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
    for queue in ("model", "pictures", "reading", "writing"):
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
