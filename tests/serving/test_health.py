import time

import pytest

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
