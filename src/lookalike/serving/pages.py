"""The page's files, from the package: as the bundle `scripts/bundle_page.py` made of them, else module by module."""

import gzip
import hashlib
import html
import json
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


_BUNDLE = "bundle"
_RECORD = "bundle.json"
_FOREVER = "public, max-age=31536000, immutable"  # of what is named by its content
_LEAST_PACKED = 500  # bytes: below that, packing gains nothing
_LOADED_AT_ONCE = ("early.js", "theme.js")
_NOT_OF_THE_PAGE = (_BUNDLE, "dashboard/", "grading/", "review/", "owner/signed-in.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    content: bytes
    packed: bytes | None
    media_type: str
    etag: str
    caching: str = REVALIDATE


class PageRoutes:
    """Serves the page. Its files are read once, so nothing else can be requested.

    Args:
        folder: with `index.html`.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _MEDIA_TYPES and path.is_file() and not path.is_symlink()
        }
        self._index = self._first_page()
        if "index.html" not in self._files:
            _log.warning("the page is not part of this installation: %s has no index.html", folder)

    def add_to(self, app: FastAPI) -> None:
        """Make the app serve the page."""
        app.get("/", include_in_schema=False)(self.index)
        app.get("/dashboard", include_in_schema=False)(self.dashboard)
        app.get("/grading", include_in_schema=False)(self.grading)
        app.get("/review", include_in_schema=False)(self.review)
        app.get("/page/{path:path}", include_in_schema=False)(self.file)

    async def index(self, request: Request) -> Response:
        """The page itself, whose addresses are relative: to the path we are served below, where that is known."""
        below = address(request, "/")
        return _answer(request, self._index if below == "/" or self._index is None else _below(self._index, below))

    async def dashboard(self, request: Request) -> Response:
        """The page of online metrics; what it shows comes from the API."""
        return _answer(request, self._files.get("dashboard.html"))

    async def grading(self, request: Request) -> Response:
        """The page on which people grade pairs; what it shows comes from the API."""
        return _answer(request, self._files.get("grading.html"))

    async def review(self, request: Request) -> Response:
        """The page of the review queue; what it shows comes from the API, to reviewers."""
        return _answer(request, self._files.get("review.html"))

    async def file(self, request: Request, path: str) -> Response:
        """One of its files."""
        return _answer(request, self._files.get(path))

    def _first_page(self) -> _File | None:
        """The bundled page, if it was made of the files that are here; else one whose modules load side by side."""
        page = self._files.get("index.html")
        if page is None or self._is_bundled():
            return self._files.get(f"{_BUNDLE}.html", page)
        modules = sorted(path for path in self._files if path.endswith(".js") and not path.startswith(_NOT_OF_THE_PAGE))
        links = [f'  <link rel="modulepreload" href="page/{path}">' for path in modules if path not in _LOADED_AT_ONCE]
        head = "\n  ".join([*links, "</head>"]).encode()
        return _file(page.content.replace(b"</head>", head, 1), page.media_type)

    def _is_bundled(self) -> bool:
        record = self._files.get(_RECORD)
        sources = {
            path: hashlib.sha256(file.content).hexdigest()
            for path, file in self._files.items()
            if path.endswith((".js", ".css", ".html")) and not path.startswith(_BUNDLE)
        }
        return record is not None and json.loads(record.content).get("sources") == sources


def _answer(request: Request, file: _File | None) -> Response:
    if file is None:
        raise refused("not-found", "the page has no such file")
    headers = {"ETag": file.etag, "Cache-Control": file.caching, "Content-Security-Policy": PAGE_POLICY}
    if file.packed is not None:
        headers["Vary"] = "Accept-Encoding"
    if is_known(request, file.etag):
        return Response(status_code=304, headers=headers)  # a browser takes the policy of the 304 for the page
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    caching = _FOREVER if path.name.startswith(f"{_BUNDLE}-") else REVALIDATE
    return _file(path.read_bytes(), _MEDIA_TYPES[path.suffix], caching)


def _file(content: bytes, media_type: str, caching: str = REVALIDATE) -> _File:
    """A weak tag: the same one whether it is sent packed or not."""
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'
    packed = gzip.compress(content, 9, mtime=0) if len(content) >= _LEAST_PACKED else None
    smaller = packed if packed is not None and len(packed) < len(content) else None
    return _File(content=content, packed=smaller, media_type=media_type, etag=etag, caching=caching)


def _below(page: _File, folder: str) -> _File:
    """The page with that folder as its base: at `/photos`, without the slash, it would be another one."""
    base = f'<head>\n    <base href="{html.escape(folder)}">'.encode()
    return _file(page.content.replace(b"<head>", base, 1), page.media_type)
