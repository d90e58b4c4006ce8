"""A library of a few pictures behind the real API: real catalog, engine and indexer, and a model made of arithmetic."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import anyio.from_thread
import httpx
import numpy as np
import pytest
from pictures import jpeg_bytes, photo

from lookalike.catalog import Catalog, ImageAddition, SourceFile, content_id
from lookalike.indexing import Indexer, Publisher
from lookalike.preprocessing import Preprocessing, prepare
from lookalike.retrieval import QueryJournal, SearchEngine
from lookalike.serving import Server, Services, ServingSettings, create_app

DIMENSION = 3 * 8 * 8


class ArithmeticEncoder:
    """A picture's vector is the picture at 8 x 8 pixels: no model file, and alike pictures have alike vectors."""

    name = "arithmetic"
    fingerprint = "0123456789abcdef" * 4
    dimension = DIMENSION
    preprocessing = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    concurrency = 2
    reference_cosines = np.linspace(-1, 1, 201, dtype=np.float32)

    def __init__(self):
        self.may_run = threading.Event()
        self.may_run.set()
        self.runs = 0
        self.fault = None

    def encode(self, batch):
        self.may_run.wait(30)
        self.runs += len(batch)
        if self.fault is not None:
            raise self.fault
        small = batch.reshape(len(batch), 3, 8, 4, 8, 4).mean(axis=(3, 5)).reshape(len(batch), -1) + 1e-6
        return (small / np.linalg.norm(small, axis=1, keepdims=True)).astype(np.float32)

    def close(self):
        pass


@dataclass
class Library:
    """The parts, for tests that look behind the API."""

    catalog: Catalog
    engine: SearchEngine
    indexer: Indexer
    encoder: ArithmeticEncoder
    folder: object

    @property
    def services(self):
        return Services(catalog=self.catalog, engine=self.engine, indexer=self.indexer)

    def settings(self, **changes):
        return ServingSettings(**{"thumbnails": self.folder / "thumbnails", "port": 0, **changes})

    def add(self, seed, **fields):
        """Add the picture of that seed; its id."""
        image, _ = self.indexer.add_upload(picture(seed), name=f"{seed}.jpg", **fields)
        return image.id


def picture(seed=0, **changes):
    """The bytes of a JPEG."""
    return jpeg_bytes(photo(seed=seed, **changes))


@contextmanager
def opened_library(folder):
    encoder = ArithmeticEncoder()
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        journal = QueryJournal(catalog)
        engine = SearchEngine(
            catalog, snapshots=folder / "snapshots", open_encoder=lambda _model: encoder, journal=journal
        )
        publisher = Publisher(catalog, snapshots=folder / "snapshots")
        indexer = Indexer(catalog, encoder=encoder, publisher=publisher, lock=folder / "index.lock")
        yield Library(catalog=catalog, engine=engine, indexer=indexer, encoder=encoder, folder=folder)
        encoder.may_run.set()
        engine.close()
        publisher.wait()


@pytest.fixture
def library(tmp_path):
    """An empty one."""
    with opened_library(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def twelve(tmp_path_factory):
    """Twelve pictures in files, read once, as the catalog takes them."""
    folder = tmp_path_factory.mktemp("twelve")
    encoder = ArithmeticEncoder()
    additions = []
    for seed in range(12):
        file = folder / f"{seed}.jpg"
        file.write_bytes(picture(seed))
        prepared = prepare(picture(seed), encoder.preprocessing, name=file.name)
        status = file.stat()
        additions.append(
            ImageAddition(
                content_id=content_id(picture(seed)),
                width=prepared.width,
                height=prepared.height,
                mean_colour=prepared.mean_colour,
                difference_hash=prepared.difference_hash,
                media_type=prepared.media_type,
                byte_count=status.st_size,
                source=SourceFile(path=str(file), byte_count=status.st_size, modified_ns=status.st_mtime_ns),
                fingerprint=encoder.fingerprint,
                vector=encoder.encode(prepared.batch_row[None])[0],
            )
        )
    return additions


@pytest.fixture
def images(library, twelve):
    """The ids of the twelve pictures, in the library."""
    library.catalog.add_images(twelve)
    library.catalog.set_live_model(library.indexer.model)
    return [addition.content_id for addition in twelve]


class Client:
    """Speaks HTTP to an app in this process, without a socket."""

    def __init__(self, portal, app, base_url="http://localhost:8420"):
        self._portal = portal
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=base_url)
        self.app = app

    def request(self, method, url, **arguments):
        return self._portal.call(lambda: self._client.request(method, url, **arguments))

    def get(self, url, **arguments):
        return self.request("GET", url, **arguments)

    def post(self, url, **arguments):
        return self.request("POST", url, **arguments)

    def patch(self, url, **arguments):
        return self.request("PATCH", url, **arguments)

    def delete(self, url, **arguments):
        return self.request("DELETE", url, **arguments)

    def search(self, content, **fields):
        """Search by a picture."""
        return self.post("/v1/search", files={"image": ("query.jpg", content, "image/jpeg")}, data=fields)

    def close(self):
        self._portal.call(self._client.aclose)


@pytest.fixture(scope="session")
def portal():
    with anyio.from_thread.start_blocking_portal() as opened:
        yield opened


@pytest.fixture
def client_of(portal, library):
    """Makes clients of apps with other settings."""
    clients = []

    def make(services=None, base_url="http://localhost:8420", **settings):
        app = create_app(services or library.services, library.settings(**settings))
        clients.append(Client(portal, app, base_url))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(client_of):
    return client_of()


@pytest.fixture
def server_of(library):
    """Starts real servers, on free ports."""
    servers = []

    def make(services=None, **changes):
        settings = library.settings(**changes)
        server = Server(create_app(services or library.services, settings), settings)
        servers.append(server)
        server.start()
        return server

    yield make
    library.encoder.may_run.set()
    for server in servers:
        server.stop()


@pytest.fixture
def problem():
    """Checks that an answer is the problem of that code, and returns it."""

    def check(response, status, code):
        assert response.headers["content-type"] == "application/problem+json", response.text
        document = response.json()
        assert (response.status_code, document["status"], document["type"]) == (
            status,
            status,
            f"urn:lookalike:problem:{code}",
        ), document
        assert document["title"]
        assert document["detail"]
        assert document["instance"].startswith("/")
        return SimpleNamespace(**document)

    return check
