import json
import re
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from doubles import picture


@pytest.fixture
def served(program):
    """The address of a `lookalike serve`, which ends with the test."""
    serving = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "serve", "--port", "0"],
        env=program.environment(COLUMNS="300"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = re.search(r"http://\S+?:\d+", serving.stdout.readline())
    assert url is not None
    yield url[0]
    serving.send_signal(signal.SIGINT)
    _, stderr = serving.communicate(timeout=120)
    assert serving.returncode == 0, stderr
    assert "Traceback" not in stderr


def wait_until_ready(client):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if client.get("/readyz").status_code == 200:
            return
        time.sleep(0.05)
    raise AssertionError(client.get("/readyz").text)


def test_an_empty_library_takes_its_first_upload_and_finds_it(served):
    with httpx.Client(base_url=served, timeout=60) as client:
        wait_until_ready(client)
        assert client.get("/v1/images").json()["images"] == []
        uploaded = client.post("/v1/images", files={"image": ("one.png", picture(1))})
        assert uploaded.status_code == 201
        found = client.post("/v1/search", files={"image": ("one.png", picture(1))}).json()
        assert [hit["image"]["id"] for hit in found["hits"]] == [uploaded.json()["id"]]
        assert "text/html" in client.get("/").headers["content-type"]


def test_what_another_process_indexes_is_found_at_once(served, run, photos):
    with httpx.Client(base_url=served, timeout=60) as client:
        wait_until_ready(client)
        run("index", photos)
        found = client.post("/v1/search", files={"image": ("3.png", picture(3))}).json()
        assert found["hits"][0]["image"]["source_name"] == "3.png"
        (photos / "3.png").unlink()
        run("index", photos)
        found = client.post("/v1/search", files={"image": ("3.png", picture(3))}).json()
        assert "3.png" not in [hit["image"]["source_name"] for hit in found["hits"]]


def test_serving_and_searching_do_not_import_torch(program):
    loaded = subprocess.run(
        [sys.executable, "-c", "import json, sys, lookalike.cli; print(json.dumps(sorted(sys.modules)))"],
        env=program.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "torchvision", "tensorflow", "transformers"} & set(json.loads(loaded.stdout))


@pytest.mark.slow
def test_workers_share_a_library_survive_a_kill_and_reload_settings_without_a_failed_request(program, run, photos):
    run("index", photos)
    command = [sys.executable, "-m", "lookalike", "serve", "--port", "0", "--workers", "2"]
    serving = subprocess.Popen(
        command, env=program.environment(COLUMNS="300"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    told = serving.stdout.readline()
    url = re.search(r"http://\S+?:\d+", told)
    assert url is not None
    assert "2 workers" in told
    workers = psutil.Process(serving.pid).children()
    assert len(workers) == 2
    with httpx.Client(base_url=url[0], timeout=60) as client:
        hits = client.post("/v1/search", files={"image": ("3.png", picture(3))}).json()["hits"]

    asked = [url]

    def same_answer():  # a connection of its own, so that either worker may take it
        asked.append(url)
        answer = httpx.post(f"{url[0]}/v1/search", files={"image": ("3.png", picture(3))}, timeout=60)
        return answer.status_code == 200 and answer.json()["hits"] == hits

    workers[0].kill()
    assert all(same_answer() for _ in range(20))
    serving.send_signal(signal.SIGHUP)
    end = time.monotonic() + 60
    while {worker.pid for worker in workers} & {child.pid for child in psutil.Process(serving.pid).children()}:
        assert same_answer()
        assert time.monotonic() < end
    assert all(same_answer() for _ in range(20))
    for _ in range(6):  # whichever worker answers
        searches = 'lookalike_http_requests_total{method="POST",route="/v1/search",status="200"} '
        told = httpx.get(f"{url[0]}/metrics", timeout=60).text.partition(searches)[2].partition("\n")[0]
        assert float(told) in {len(asked), len(asked) - 1}  # the first worker may be killed before it counts
    serving.send_signal(signal.SIGTERM)
    _, stderr = serving.communicate(timeout=120)
    assert serving.returncode == 0, stderr
    assert "Traceback" not in stderr
