"""A catalog's database of either kind: SQLite in a file, and PostgreSQL where its programs are on this machine."""

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from lookalike.catalog import sqlite_url

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


def unavailable(reason: str) -> NoReturn:
    """Skip on a machine without PostgreSQL; in CI a server that was lost must not look like a suite that passed."""
    if os.environ.get("CI"):
        pytest.fail(f"PostgreSQL cannot be tested, and CI skips no test of it: {reason}", pytrace=False)
    pytest.skip(f"PostgreSQL cannot be tested: {reason}")


def require_psycopg() -> None:
    if importlib.util.find_spec("psycopg") is None:
        unavailable("psycopg is not installed: pip install 'lookalike[postgresql]'")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL, without a database, of a server that lives as long as the tests."""
    binaries = postgresql_binaries()
    if binaries is None:
        unavailable("its programs initdb and postgres are not on this machine")
    require_psycopg()
    user = unprivileged_user()
    if os.getuid() == 0 and user is None:
        unavailable("it does not run as root, and there is no user postgres or nobody")
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
