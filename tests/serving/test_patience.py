import threading

import httpx
import pytest

from pictures import jpeg_bytes, photo
from serving.sockets import connection_to, wait_until


def picture(seed):
    return {"image": ("a.jpg", jpeg_bytes(photo(seed=seed)))}


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "soon", "600001", "9" * 100, "٣"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(client, images, problem, given):
    headers = {"X-Request-Timeout-Ms": given.encode()}
    told = problem(client.post("/v1/search", files=picture(0), headers=headers), 422, "invalid-request")
    assert told.errors[0]["field"] == "X-Request-Timeout-Ms"


def test_an_answer_in_time_is_given(client, images):
    headers = {"X-Request-Timeout-Ms": "600000"}
    assert client.post("/v1/search", files=picture(0), headers=headers).status_code == 200


@pytest.fixture
def runs(library, monkeypatch):
    """Grows with each run of the model, but for the one on zeros that warms it up."""
    seen, encode = [], library.encoder.encode

    def counted(batch):
        seen.extend([1] * bool(batch.any()))
        return encode(batch)

    monkeypatch.setattr(library.encoder, "encode", counted)
    return seen


def wait_for_queue(server, count):
    line = f'lookalike_queue_waiting{{queue="model"}} {count}.0'
    wait_until(lambda: line in httpx.get(f"{server.url}metrics", timeout=60).text)


def test_what_is_late_or_gone_never_reaches_the_model(server_of, library, images, runs):
    server = server_of(workers=1)
    library.encoder.may_run.clear()
    answers = []

    def ask(seed, **headers):
        answers.append(httpx.post(f"{server.url}v1/search", files=picture(seed), headers=headers, timeout=60))

    first = threading.Thread(target=ask, args=(1,))
    first.start()
    wait_until(lambda: len(runs) == 1)
    late = threading.Thread(target=ask, args=(2,), kwargs={"X-Request-Timeout-Ms": "50"})
    late.start()
    body = jpeg_bytes(photo(seed=3))
    with connection_to(server) as connection:
        head = f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}"
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        wait_for_queue(server, 2)
    late.join(0.2)
    library.encoder.may_run.set()
    first.join()
    late.join()
    wait_for_queue(server, 0)
    assert sorted(answer.status_code for answer in answers) == [200, 504]
    assert len(runs) == 1


def test_the_same_query_at_the_same_time_runs_the_model_once(server_of, library, images, runs):
    server = server_of(workers=1)
    library.encoder.may_run.clear()
    answers = []

    def ask():  # each form has a boundary of its own
        answers.append(httpx.post(f"{server.url}v1/search", files=picture(4), timeout=60).json())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for_queue(server, 3)
    library.encoder.may_run.set()
    for thread in threads:
        thread.join()
    assert len(runs) == 1
    assert len({answer["query_id"] for answer in answers}) == 4
    assert all(answer["hits"] == answers[0]["hits"] for answer in answers)
