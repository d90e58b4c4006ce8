"""A library of a few pictures behind the real API: real catalog, engine and indexer, and a model made of arithmetic."""

import shutil
import threading
from types import SimpleNamespace

import anyio.from_thread
import httpx
import pytest

from doubles import ColourGridEncoder
from lookalike.catalog import Catalog, ImageAddition, SourceFile, content_id
from lookalike.library.copy_search import CopySearch
from lookalike.preprocessing import Limits, prepare
from lookalike.serving import Server, Services, ServingSettings, create_app
from parts import Parts
from serving.asking import picture


class HeldEncoder(ColourGridEncoder):
    """The small model, which waits while `may_run` is clear and fails with `fault`."""

    def __init__(self):
        super().__init__()
        self.may_run = threading.Event()
        self.may_run.set()
        self.entered = threading.Event()
        self.fault = None

    def encode(self, batch):
        self.entered.set()
        self.may_run.wait(120)
        if self.fault is not None:
            raise self.fault
        return super().encode(batch)


class Library(Parts):
    """A library, and the API's settings for it."""

    def __init__(self, folder, **options):
        super().__init__(folder, encoder=HeldEncoder(), **options)
        self.encoder = self.encoders["colour-grid"]
        copies = CopySearch(catalog=self.catalog, folder=folder, limits=Limits())
        self.services = Services(catalog=self.catalog, engine=self.engine, indexer=self.indexer, copies=copies)

    def settings(self, **changes):
        return ServingSettings(**{"thumbnails": self.folder / "thumbnails", "port": 0, **changes})

    def add(self, seed, **fields):
        """Add the picture of that seed; its id."""
        image, _ = self.indexer.add_upload(picture(seed), name=f"{seed}.jpg", **fields)
        return image.id


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory):
    """The file of a catalog without images, to copy: making the tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals").close()
    assert [file.name for file in folder.iterdir()] == ["catalog.sqlite"]
    return folder / "catalog.sqlite"


@pytest.fixture
def library(tmp_path, empty_catalog):
    """An empty one."""
    shutil.copy(empty_catalog, tmp_path)
    with Library(tmp_path) as opened:
        yield opened
        opened.encoder.may_run.set()


@pytest.fixture(scope="session")
def twelve(tmp_path_factory):
    """Twelve pictures in files, read once, as the catalog takes them."""
    folder = tmp_path_factory.mktemp("twelve")
    encoder = HeldEncoder()
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
                columns=prepared.columns,
                media_type=prepared.media_type,
                byte_count=status.st_size,
                source=SourceFile(path=str(file), byte_count=status.st_size, modified_ns=status.st_mtime_ns),
                fingerprint=encoder.fingerprint,
                vector=encoder.encode_image(prepared.rows),
            )
        )
    return additions


@pytest.fixture
def images(library, twelve):
    """The ids of the twelve pictures, in the library."""
    library.catalog.images.add(twelve)
    library.catalog.models.set_live(library.indexer.model)
    return [addition.content_id for addition in twelve]


class Client:
    """Speaks HTTP to an app in this process, without a socket, for as long as the app's lifespan."""

    def __init__(self, portal, app, base_url="http://localhost:8420"):
        self._portal = portal
        self._lifespan = portal.wrap_async_context_manager(app.router.lifespan_context(app))
        self._lifespan.__enter__()
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
        self._lifespan.__exit__(None, None, None)


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


@pytest.fixture
def guarded(client_of):
    return client_of(admin_token="correct horse")
