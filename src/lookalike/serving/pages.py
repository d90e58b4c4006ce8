"""The page's files, from the package."""

import hashlib
import html
import logging
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from lookalike.serving.answers import REVALIDATE, is_known
from lookalike.serving.origin import PAGE_POLICY
from lookalike.serving.problems import refused
from lookalike.serving.proxies import address

_log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "page"

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    content: bytes
    media_type: str
    etag: str


class PageRoutes:
    """The page. Its files are read once: what is not in the folder then cannot be asked for.

    Args:
        folder: with `index.html`.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _MEDIA_TYPES and path.is_file() and not path.is_symlink()
        }
        if "index.html" not in self._files:
            _log.warning("the page is not part of this installation: %s has no index.html", folder)

    def add_to(self, app: FastAPI) -> None:
        """Make the app serve the page."""
        app.get("/", include_in_schema=False)(self.index)
        app.get("/page/{path:path}", include_in_schema=False)(self.file)

    async def index(self, request: Request) -> Response:
        """The page itself, whose addresses are relative: to the path we are served below, where that is known."""
        return self._answer(request, "index.html", below=address(request, "/"))

    async def file(self, request: Request, path: str) -> Response:
        """One of its files."""
        return self._answer(request, path)

    def _answer(self, request: Request, path: str, *, below: str = "/") -> Response:
        file = self._files.get(path)
        if file is None:
            raise refused("not-found", "the page has no such file")
        if below != "/":
            file = _below(file, below)
        headers = {"ETag": file.etag, "Cache-Control": REVALIDATE, "Content-Security-Policy": PAGE_POLICY}
        if is_known(request, file.etag):
            return Response(status_code=304, headers=headers)  # a browser takes the policy of the 304 for the page
        return Response(file.content, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    return _file(path.read_bytes(), _MEDIA_TYPES[path.suffix])


def _file(content: bytes, media_type: str) -> _File:
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return _File(content=content, media_type=media_type, etag=etag)


def _below(page: _File, folder: str) -> _File:
    """The page with that folder as its base: at `/photos`, without the slash, it would be another one."""
    base = f'<head>\n    <base href="{html.escape(folder)}">'.encode()
    return _file(page.content.replace(b"<head>", base, 1), page.media_type)
