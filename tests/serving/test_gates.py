import contextlib
import threading

import httpx

from pictures import jpeg_bytes, photo
from serving.sockets import connection_to, wait_until


def test_when_all_places_are_taken_the_next_is_told_to_come_back(server_of, library, images):
    server = server_of(workers=1, max_waiting=2)
    library.encoder.may_run.clear()
    statuses = []

    def ask(seed):
        files = {"image": ("a.jpg", jpeg_bytes(photo(seed=seed)))}
        statuses.append(httpx.post(f"{server.url}v1/search", files=files, timeout=60).status_code)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    wait_until(
        lambda: 'lookalike_queue_waiting{queue="model"} 2.0' in httpx.get(f"{server.url}metrics", timeout=60).text
    )
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=9)))}
    refused = httpx.post(f"{server.url}v1/search", files=files, timeout=60)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["type"] == "urn:lookalike:problem:busy"
    assert httpx.get(f"{server.url}v1/images", timeout=60).status_code == 200
    assert httpx.get(f"{server.url}{'v1/images/' + images[0]}/content?size=64", timeout=60).status_code == 200
    library.encoder.may_run.set()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 3
    text = httpx.get(f"{server.url}metrics", timeout=60).text
    assert 'lookalike_queue_refusals_total{queue="model"} 1.0' in text
    assert 'lookalike_queue_waiting{queue="model"} 0.0' in text


def test_a_search_does_not_hold_up_the_event_loop(server_of, library, images):
    server = server_of(workers=2)
    library.encoder.may_run.clear()
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=1)))}
    thread = threading.Thread(target=lambda: httpx.post(f"{server.url}v1/search", files=files, timeout=60))
    thread.start()
    for _ in range(20):
        assert httpx.get(f"{server.url}healthz", timeout=60).status_code == 200
    assert thread.is_alive()
    library.encoder.may_run.set()
    thread.join()


def test_searches_by_id_lists_pages_and_changes_wait_for_no_picture(server_of, library, images):
    """The model is held, and so is a thread of every kind that pictures are decoded in."""
    server = server_of(workers=1)
    library.encoder.may_run.clear()
    held = threading.Thread(
        target=lambda: httpx.post(
            f"{server.url}v1/search", files={"image": ("a.jpg", jpeg_bytes(photo(seed=1)))}, timeout=60
        )
    )
    upload = threading.Thread(
        target=lambda: httpx.post(
            f"{server.url}v1/images", files={"image": ("a.jpg", jpeg_bytes(photo(seed=70)))}, timeout=60
        )
    )
    held.start()
    upload.start()
    wait_until(
        lambda: 'lookalike_queue_running{queue="uploads"} 1.0' in httpx.get(f"{server.url}metrics", timeout=60).text
    )
    with httpx.Client(base_url=server.url, timeout=60) as client:
        found = client.post("/v1/search", json={"image_id": images[0], "limit": 3})
        assert found.status_code == 200
        assert client.post("/v1/search", json={"cursor": found.json()["next_cursor"]}).status_code == 200
        assert client.get("/v1/images").status_code == 200
        assert client.patch(f"/v1/images/{images[1]}", json={"tags": ["a"]}).status_code == 200
        assert client.delete(f"/v1/images/{images[2]}").status_code == 204
        assert client.get(f"/v1/images/{images[0]}/content?size=64").status_code == 200
    assert held.is_alive()
    assert upload.is_alive()
    library.encoder.may_run.set()
    held.join()
    upload.join()


def test_bodies_that_do_not_come_take_no_place_from_those_that_do(server_of, library, images):
    server = server_of(workers=1, max_waiting=0)
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 99999\r\n\r\n"
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(connection_to(server)).sendall(head + b"x" * 100)
        files = {"image": ("a.jpg", jpeg_bytes(photo(seed=1)))}
        assert httpx.post(f"{server.url}v1/search", files=files, timeout=60).status_code == 200
