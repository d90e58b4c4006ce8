"""Nothing that was acknowledged is lost, whenever the power goes: indexing and serving are killed at seeded moments."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest

from doubles import picture
from lookalike.catalog import Catalog, content_id
from lookalike.embedding import import_model
from parts import write_pictures
from tiny_model import write_tiny_model

_FILES = 400
_STORED = re.compile(r"stored ([0-9a-f]{32})")


class Below(threading.Thread):
    """Kills one of the processes below another, again and again."""

    def __init__(self, parent, chance, pause, of_workers):
        super().__init__(daemon=True)
        self.killed = 0
        self._pause = pause
        self._of_workers = of_workers
        self._parent = psutil.Process(parent.pid)
        self._chance = chance
        self._enough = threading.Event()
        self._seen = set()

    def run(self):
        while not self._enough.wait(self._chance.uniform(*self._pause)):
            below, workers = self._parent.children(recursive=True), self._parent.children()
            self._seen.update(below)
            # A worker that ends again and again is started anew after a growing pause; a decoder at once.
            decoders = [one for one in below if one not in workers]
            chosen = workers if self._chance.random() < self._of_workers else decoders
            if chosen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._chance.choice(chosen).kill()
                    self.killed += 1

    def stop(self):
        self._enough.set()
        if self.ident is not None:
            self.join()
        self._seen.update(self._parent.children(recursive=True))

    def wait_for_end(self):
        _, alive = psutil.wait_procs(self._seen, timeout=60)
        assert alive == []


class Machine:
    """A library whose processes are started, watched and killed."""

    def __init__(self, folder):
        self.folder = folder
        self.library = folder / "library"
        self.photos = write_pictures(folder / "photos", range(_FILES), size=(200, 150))
        import_model(write_tiny_model(folder / "tiny"), models=folder / "models")
        self.acknowledged, self.answered = set(), set()
        self.uploaded = self.searched = 0
        self.killed = 0
        self.wrong = []

    def start(self, *arguments, **settings):
        return subprocess.Popen(
            [sys.executable, "-m", "lookalike", *map(str, arguments)],
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "LOOKALIKE_LIBRARY": str(self.library),
                "LOOKALIKE_MODELS": str(self.folder / "models"),
                "LOOKALIKE_MODEL": "tiny",
                "COLUMNS": "300",
                **{f"LOOKALIKE_{name.upper()}": str(value) for name, value in settings.items()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def document(self, *arguments):
        done = self.start(*arguments, "--json")
        stdout, stderr = done.communicate(timeout=120)
        assert done.returncode == 0, (stdout, stderr)
        return stdout

    def crash(self, chance, *, workers=0, pause=(1.0, 5.0), of_workers=0.5):
        """Index and upload at once; kill both at some moment after something was acknowledged.

        With workers, they and their decoders are killed all the time, too, one after each pause of so many seconds;
        such a share of the kills is of workers.
        """
        port = free_port()
        with_workers = ("--workers", workers) if workers else ()
        serving = self.start("serve", "--port", port, *with_workers, decode_processes=min(workers, 1))
        below = Below(serving, random.Random(chance.random()), pause, of_workers)
        indexing = self.start("index", "--verbose", self.photos)
        reading = threading.Thread(target=self._read, args=(indexing,))
        reading.start()
        if workers:
            below.start()
        try:
            self._upload(port, seconds_after_first=chance.uniform(0.0, 12.0 if workers else 2.0))
        finally:
            below.stop()
            for process in (serving, indexing):
                process.send_signal(signal.SIGKILL)
                process.wait()
            reading.join()
            self.killed += below.killed
            below.wait_for_end()  # without their parent they end by themselves
            for process in (serving, indexing):
                process.stdout.close()
                process.stderr.close()

    def _read(self, indexing):
        for line in indexing.stderr:
            stored = _STORED.match(line)
            if stored:
                self.acknowledged.add(stored[1])

    def _upload(self, port, *, seconds_after_first):
        before, first, deadline = len(self.acknowledged), None, time.monotonic() + 240
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
            while time.monotonic() < deadline and (first is None or time.monotonic() < first + seconds_after_first):
                self._upload_one(client)
                if first is None and len(self.acknowledged) > before:
                    first = time.monotonic()
        assert first is not None, "nothing was acknowledged within four minutes"

    def _upload_one(self, client):
        content = picture(100_000 + self.uploaded)
        try:
            answer = client.post("/v1/images", files={"image": ("upload.png", content)})
        except httpx.TransportError:
            time.sleep(0.05)
            return
        if answer.status_code in {200, 201}:
            self.acknowledged.add(content_id(content))
            self.answered.add((answer.json()["id"], content_id(content)))
            self.uploaded += 1
            self._search_one(client, content)

    def _search_one(self, client, content):
        """What was acknowledged is found at once, by whichever worker answers."""
        try:
            answer = client.post("/v1/search", files={"image": ("query.png", content)}, data={"limit": "1"})
        except httpx.TransportError:
            return
        if answer.status_code == 200:
            self.searched += 1
            best = answer.json()["hits"][:1]
            if [hit["image"]["id"] for hit in best] != [content_id(content)] or best[0]["cosine"] < 0.999:
                self.wrong.append(answer.json())

    def check(self):
        """Everything acknowledged is there once, with its vector and its bytes, and every search found it."""
        assert self.wrong == []
        url = f"sqlite:///{self.library / 'catalog.sqlite'}"
        with Catalog.open(url, originals=self.library / "originals") as catalog:
            present = catalog.images.get_many(sorted(self.acknowledged))
            assert set(present) == self.acknowledged
            assert all(told == expected for told, expected in self.answered)
            live = catalog.models.live()
            assert len(catalog.vectors.get(live.fingerprint, sorted(self.acknowledged))) == len(self.acknowledged)
            assert all(content_id(catalog.images.content(image_id)) == image_id for image_id in self.acknowledged)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def crash_repeatedly(folder, *, times, seed, told=lambda _machine: None, **kills):
    machine, chance = Machine(folder), random.Random(seed)
    for crash in range(times):
        told(machine)
        if crash % 10 == 9:  # something to do again for the index run
            write_pictures(machine.photos, range(_FILES + crash * 50, _FILES + crash * 50 + 300), size=(200, 150))
        machine.crash(chance, **kills)
        machine.check()
    assert machine.acknowledged
    assert machine.uploaded
    machine.document("index", machine.photos)
    machine.check()
    assert '"clean": true' in machine.document("verify")
    url = f"sqlite:///{machine.library / 'catalog.sqlite'}"
    files = {content_id(file.read_bytes()) for file in machine.photos.iterdir()}
    with Catalog.open(url, originals=machine.library / "originals") as catalog:
        stored = {image.id for image in catalog.images.browse(limit=100_000).images}
    assert files | machine.acknowledged <= stored
    assert len(stored - files) - machine.uploaded in range(
        times + 1
    )  # an upload may be stored as its answer is cut off
    return machine


def test_three_crashes(tmp_path):
    crash_repeatedly(tmp_path, times=3, seed=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_crashes(tmp_path):
    crash_repeatedly(tmp_path, times=50, seed=50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_crashes_of_a_server_whose_workers_and_decoders_are_killed_all_the_time(tmp_path):
    machine = crash_repeatedly(tmp_path, times=20, seed=20, workers=2)
    assert machine.killed >= 20


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_kills(tmp_path):
    """Of workers, decoders, servers and index runs."""
    times = 100
    machine = crash_repeatedly(tmp_path, times=times, seed=1000, workers=2, pause=(0.2, 1.0), of_workers=0.05)
    assert machine.killed + 2 * times >= 1000
    assert machine.searched


class Asking(threading.Thread):
    """Searches a server for a picture that it holds, again and again."""

    def __init__(self, port, content):
        super().__init__(daemon=True)
        self.answers = []
        self._url, self._content = f"http://127.0.0.1:{port}", content
        self._enough = threading.Event()

    def run(self):
        with httpx.Client(base_url=self._url, timeout=60.0) as client:
            while not self._enough.is_set():
                try:
                    answer = client.post("/v1/search", files={"image": ("query.png", self._content)})
                except httpx.TransportError:
                    self._enough.wait(0.05)  # it has not started yet
                    continue
                if answer.status_code == 200:
                    self.answers.append(answer.json())
                self._enough.wait(0.05)  # the promotion needs the processor too

    def wait_for(self, condition):
        deadline = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        self._enough.set()
        self.join()


def test_a_killed_promotion_is_as_if_it_had_not_begun_or_had_ended(tmp_path):
    """Whenever a promotion is killed, all answers come from one model or from the other."""
    machine, chance = Machine(tmp_path), random.Random(7)
    import_model(write_tiny_model(tmp_path / "other", name="other", dimension=8), models=tmp_path / "models")
    machine.document("index", machine.photos)
    sought = min(machine.photos.iterdir()).read_bytes()
    port = free_port()
    serving, asking = machine.start("serve", "--port", port), Asking(port, sought)
    try:
        asking.start()
        asking.wait_for(lambda: asking.answers)
        for _ in range(3):
            promoting = machine.start("models", "promote", "other", "--force")
            time.sleep(chance.uniform(0.5, 3.0))  # when it is killed is up to chance, and to the machine
            promoting.send_signal(signal.SIGKILL)
            promoting.communicate()
            assert '"clean": true' in machine.document("verify")
        if '"name": "other"' not in machine.document("stats"):
            machine.document("models", "promote", "other", "--force")
        first = asking.answers[0]["generation"].split("-")[0]
        asking.wait_for(lambda: asking.answers[-1]["generation"].split("-")[0] != first)
    finally:
        asking.stop()
        serving.send_signal(signal.SIGKILL)
        serving.communicate()
    answered = [answer["generation"].split("-")[0] for answer in asking.answers]
    models = list(dict.fromkeys(answered))
    assert len(models) == 2
    assert answered == sorted(answered, key=models.index), "no answer came from the old model after the new one"
    for answer in asking.answers:
        best = answer["hits"][0]
        assert best["image"]["id"] == content_id(sought)
        assert best["cosine"] > 0.999
