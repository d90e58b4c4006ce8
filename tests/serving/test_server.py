import contextlib
import gc
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from lookalike import serving
from lookalike.errors import EnvironmentFault
from lookalike.serving import Server, create_app
from pictures import jpeg_bytes, photo
from serving.sockets import HEALTHZ, connection_to, read_to_end


def test_what_is_public_is_what_is_named():
    assert sorted(serving.__all__) == [
        "ACCESS_LOG", "Inherited", "Server", "Services", "ServingSettings", "Supervisor",
        "create_app", "listen", "require_guarded", "run", "url_of",
    ]  # fmt: skip
    for name in serving.__all__:
        assert hasattr(serving, name)


def test_a_server_answers_from_start_to_stop(library, images):
    settings = library.settings()
    told: list[str] = []
    server = Server(create_app(library.services, settings), settings, listening=told.append)
    server.start()
    assert told == [server.url]
    assert httpx.get(f"{server.url}healthz", timeout=60).status_code == 200
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=3)))}
    hits = httpx.post(f"{server.url}v1/search", files=files, timeout=60).json()["hits"]
    assert hits[0]["image"]["id"] == images[3]
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}healthz", timeout=60)


def test_a_taken_port_is_said_in_words(library):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = library.settings(port=port)
        with pytest.raises(EnvironmentFault, match=f"port {port}"):
            Server(create_app(library.services, settings), settings)


def test_an_address_that_is_not_ours_is_said_in_words(library):
    settings = library.settings(host="203.0.113.7")
    with pytest.raises(EnvironmentFault, match=r"203\.0\.113\.7"):
        Server(create_app(library.services, settings), settings)


def test_what_runs_at_the_end_is_answered_and_its_query_is_kept(library, images):
    settings = library.settings()
    server = Server(create_app(library.services, settings), settings)
    server.start()
    while httpx.get(f"{server.url}readyz", timeout=60).status_code != 200:  # its model has run once then
        time.sleep(0.02)
    library.encoder.may_run.clear()
    library.encoder.entered.clear()
    answers = []
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=3)))}
    asking = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{server.url}v1/search", files=files, timeout=60))
    )
    asking.start()
    assert library.encoder.entered.wait(60)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    time.sleep(0.5)
    library.encoder.may_run.set()
    asking.join()
    stopping.join()
    assert answers[0].status_code == 200
    assert library.catalog.queries.get(answers[0].json()["query_id"]) is not None


def test_connections_are_kept_open_between_requests(server_of, images):
    server = server_of()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for _ in range(3):
            assert client.post("/v1/search", json={"image_id": images[0]}).status_code == 200
        response = client.get("/v1/images")
    assert response.headers.get("connection") != "close"
    assert "server" not in response.headers
    assert "date" in response.headers


def test_idle_connections_are_closed_when_the_setting_says(server_of):
    server = server_of(keep_alive_seconds=1)
    with connection_to(server) as connection:
        connection.sendall(HEALTHZ)
        assert b"200 OK" in read_to_end(connection)


def test_connections_can_be_closed_after_each_answer(server_of):
    response = httpx.get(f"{server_of(keep_alive_seconds=0).url}healthz", timeout=60)
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("head", [b"GET /healthz HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n"])
def test_http_1_0_without_a_host_is_answered(server_of, head):
    with connection_to(server_of()) as connection:
        connection.sendall(head)
        assert read_to_end(connection).split(b"\r\n")[0].endswith(b"200 OK")


def test_a_unix_socket_is_listened_on_and_a_left_one_replaced(library, server_of, images):
    path = library.folder / "lookalike.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    server = server_of(host=f"unix:{path}")
    assert server.url == f"unix:{path}"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=60) as client:
        assert client.post("/v1/search", json={"image_id": images[0]}).status_code == 200
    with pytest.raises(EnvironmentFault, match=r"lookalike\.sock"):
        server_of(host=f"unix:{path}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path, number):
    code = f"""
from contextlib import asynccontextmanager
from pathlib import Path
from fastapi import FastAPI
from lookalike.serving import ServingSettings, run

@asynccontextmanager
async def lifespan(app):
    yield
    print("drained", flush=True)

settings = ServingSettings(thumbnails=Path({str(tmp_path)!r}), port=0)
run(FastAPI(lifespan=lifespan), settings, listening=lambda url: print(url, flush=True))
print("went on", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}nothing", timeout=60).status_code == 404
        process.send_signal(number)
        assert process.communicate(timeout=120)[0].split("\n") == ["drained", "went on", ""]
    assert process.returncode == 0


def test_a_signal_ends_it_in_time_whatever_still_runs(tmp_path):
    code = f"""
import time
from contextlib import asynccontextmanager
from pathlib import Path
from fastapi import FastAPI
from lookalike.serving import ServingSettings, run, server

server._CLOSING_SECONDS = 0.5

@asynccontextmanager
async def lifespan(app):
    yield
    time.sleep(3600)

settings = ServingSettings(thumbnails=Path({str(tmp_path)!r}), port=0, drain_seconds=1)
run(FastAPI(lifespan=lifespan), settings, listening=lambda url: print(url, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 1


def test_serving_needs_no_torch():
    code = "import sys, lookalike.serving; assert not {'torch', 'torchvision', 'jax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_answers_do_not_wait_for_acknowledgements(server_of):
    """With Nagle's algorithm on, a body would wait some 40 ms for the client to acknowledge its head."""
    server = server_of()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        client.get("/healthz")
        (connection,) = server._uvicorn.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_reads_nothing_is_cut_off_at_the_end(server_of):
    asked = 120  # more than fits between the two
    server = server_of(drain_seconds=1)
    answer = httpx.get(f"{server.url}openapi.json", timeout=60).content
    with connection_to(server) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * asked)
        wait_until_nothing_comes(connection)
        server.stop()
        gc.collect()  # a connection that nobody closed would be told now
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1 << 20):
                received += len(chunk)
    assert 0 < received < asked * len(answer)


def wait_until_nothing_comes(connection):
    """Until as much lies unread as the client's side takes."""
    before, now = -1, 0
    while now != before:
        time.sleep(0.3)
        before, now = now, len(connection.recv(1 << 26, socket.MSG_PEEK))
