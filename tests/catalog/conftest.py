"""A catalog on each database: SQLite in a file, and PostgreSQL where its binaries are on this machine."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog import Catalog, ImageAddition, QueryRecord, SourceFile, content_id, sqlite_url
from lookalike.columns import image_row
from lookalike.types import Interaction, InteractionKind

FINGERPRINT = "5" * 64
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PASSWORD = secrets.token_hex(16)


def postgresql_binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL, without a database, of a server that lives as long as the tests."""
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb and postgres are not on this machine")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'lookalike[postgresql]'")
    user = unprivileged_user()
    if os.getuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
    folder = Path(tempfile.mkdtemp(prefix="lookalike-postgresql-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield from running_server(binaries, folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def running_server(binaries: Path, folder: Path, user: str | None) -> Iterator[str]:
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    if user is not None:
        shutil.chown(password_file, user)
    created: list[str | Path] = [
        binaries / "initdb",
        "-D",
        folder / "data",
        "-U",
        "lookalike",
        "-A",
        "scram-sha-256",
        "--no-sync",
    ]
    subprocess.run(
        [*created, "-E", "UTF8", "--pwfile", password_file], check=True, capture_output=True, user=user, cwd=folder
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "max_connections": "60"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", "-p", str(port), *settings],
            stdout=log,
            stderr=log,
            user=user,
            cwd=folder,
        )
        try:
            wait_until_ready(server, port, folder / "log")
            yield f"postgresql://lookalike:{PASSWORD}@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
            server.wait(30)


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=lookalike password={PASSWORD} dbname=postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        else:
            return


def unit(seed: object, *, dimension: int = 8):
    """A unit vector that float16 keeps exactly enough to compare."""
    vector = np.random.default_rng(abs(hash(seed))).normal(size=dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Library:
    """A catalog and short ways to fill it."""

    fingerprint = FINGERPRINT
    unit = staticmethod(unit)

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def another(self) -> Catalog:
        """The same catalog, opened as another process would."""
        url = self.catalog.database.engine.url.render_as_string(hide_password=False)
        return Catalog.open(url, originals=self.catalog.originals.directory)

    @staticmethod
    def addition(name="a", *, path=None, content=None, vector=None, **options) -> ImageAddition:
        """An image whose bytes are its name, seen at /photos/NAME unless it is an upload."""
        content = content or name.encode("utf-8", "surrogateescape")
        if path is None and "upload" not in options:
            path = f"/photos/{name}"
        described: dict[str, Any] = {
            "width": 40,
            "height": 30,
            "mean_colour": "#102030",
            "columns": image_row(difference_hash=7),
        } | options
        return ImageAddition(
            content_id=content_id(content),
            media_type="image/png",
            byte_count=len(content),
            source=None if path is None else SourceFile(path=path, byte_count=len(content), modified_ns=1),
            fingerprint=None if vector is None else FINGERPRINT,
            vector=vector,
            **described,
        )

    def add(self, name="a", **options) -> str:
        """The id of an image that is added by itself."""
        addition = self.addition(name, **options)
        self.catalog.images.add([addition])
        return str(addition.content_id)

    def upload(self, content=b"picture", **options) -> str:
        return self.add(content=content, upload=content, **options)

    def ask(self, query_id: str = "q", *, ranked=(), at=NOON, **options) -> str:
        self.catalog.queries.write(
            [QueryRecord(id=query_id, generation="g", ranked_ids=tuple(ranked), at=at, **options)]
        )
        return query_id

    @staticmethod
    def event(event_id, query_id, image_id, **options) -> Interaction:
        described: dict[str, Any] = {"position": 1, "kind": InteractionKind.CLICK, "at": NOON} | options
        return Interaction(event_id=event_id, query_id=query_id, image_id=image_id, **described)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes the URL of an empty database at each call."""
    if request.param == "sqlite":
        return lambda: sqlite_url(tmp_path / secrets.token_hex(4) / "catalog.sqlite")
    server = request.getfixturevalue("postgresql")

    def create() -> str:
        """A schema of its own: a hundred times lighter than a database."""
        import psycopg

        name = f"library_{secrets.token_hex(8)}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{server}/postgres?options=-csearch_path%3D{name}"

    return create


@pytest.fixture
def library(new_url: Callable[[], str], tmp_path: Path) -> Iterator[Library]:
    with Catalog.open(new_url(), originals=tmp_path / "originals") as catalog:
        yield Library(catalog)


@pytest.fixture
def catalog(library: Library) -> Catalog:
    return library.catalog


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "library" / "catalog.sqlite"
