import threading

import httpx

from pictures import jpeg_bytes, photo
from serving.sockets import wait_until


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
