"""A TEST DOUBLE of `lookalike serve`: the HTTP contract in memory, with generated pictures and no model.

It lets the page's tests run in seconds. "Looking alike" is comparing small colour grids. It has no catalog, no
snapshot and no limits beyond the ones the page must show; the same tests also run against the real server.
"""

import base64
import functools
import hashlib
import io
import itertools
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import numpy as np
import uvicorn
from PIL import Image, ImageOps, UnidentifiedImageError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

PAGE = resources.files("lookalike") / "serving" / "page"
MAX_BYTES = 3_000_000
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
LEVELS = ((0.995, "duplicate"), (0.9, "very-close"), (0.7, "close"), (0.4, "loose"))


class Refusal(Exception):
    """Becomes a problem answer."""

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.title = status, code, title


@dataclass
class Picture:
    """One image of the pretended library."""

    content: bytes
    name: str
    tags: list[str]
    opened: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.id = hashlib.sha256(self.content).hexdigest()[:32]
        self.opened = open_upright(self.content, self.name)
        self.vector = describe(self.opened)
        self.uploaded_at = datetime.now(UTC).isoformat()

    def to_json(self) -> dict[str, Any]:
        return self.record

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        red, green, blue = np.asarray(self.opened.resize((1, 1)))[0, 0]
        return {
            "id": self.id,
            "width": self.opened.width,
            "height": self.opened.height,
            "mean_colour": f"#{red:02x}{green:02x}{blue:02x}",
            "media_type": Image.MIME[Image.open(io.BytesIO(self.content)).format or "PNG"],
            "bytes": len(self.content),
            "tags": self.tags,
            "visibility": "public",
            "owner_id": None,
            "uploaded_at": self.uploaded_at,
            "source_name": self.name,
            "content_url": f"/v1/images/{self.id}/content",
        }


@dataclass
class Library:
    """Everything the pretended server knows."""

    pictures: dict[str, Picture] = field(default_factory=dict)
    queries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, content: bytes, name: str, tags: Sequence[str] = ()) -> tuple[Picture, bool]:
        picture = Picture(content, name, list(tags))
        with self.lock:
            created = picture.id not in self.pictures
            self.pictures.setdefault(picture.id, picture)
        return self.pictures[picture.id], created

    def ranked(self, vector: np.ndarray, *, without: str | None) -> list[dict[str, Any]]:
        """All hits; near-identical pictures stand behind the first of them."""
        others = [picture for picture in self.pictures.values() if picture.id != without]
        cosines = {picture.id: float(picture.vector @ vector) for picture in others}
        hits: dict[str, dict[str, Any]] = {}
        for picture in sorted(others, key=lambda one: (-cosines[one.id], one.id)):
            base = picture.name.partition("-copy")[0]  # copies have their picture's name, and more
            if base in hits:
                hits[base]["duplicates"].append(picture.id)
            else:
                hits[base] = hit_of(picture, cosines[picture.id], rank=len(hits) + 1)
        return list(hits.values())


def hit_of(picture: Picture, cosine: float, *, rank: int) -> dict[str, Any]:
    match = next((name for level, name in LEVELS if cosine >= level), "none")
    return {
        "rank": rank,
        "image": picture.to_json(),
        "cosine": cosine,
        "closeness": round(50 + 50 * max(cosine, -1.0), 2),
        "match": match,
        "duplicates": [],
        "blurred_duplicates": [],
    }


def open_upright(content: bytes, name: str) -> Image.Image:
    if len(content) > MAX_BYTES:
        limit = f"{name}: {len(content)} bytes is more than the limit of {MAX_BYTES} bytes"
        raise Refusal(413, "image-refused", "The picture is too large", limit)
    try:
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise Refusal(415, "image-refused", "Not a picture", f"{name}: these bytes are not an image") from error


def describe(picture: Image.Image) -> np.ndarray:
    """Unit vector [192] of an 8 x 8 colour grid around its grey mean."""
    grid = np.asarray(picture.resize((8, 8), Image.Resampling.BOX), dtype=np.float32).ravel() - 127.5
    return grid / max(float(np.linalg.norm(grid)), 1e-6)


def cut(picture: Image.Image, crop: dict[str, Any] | None) -> Image.Image:
    if not crop:
        return picture
    scale = (1, 1) if crop.get("unit") == "pixel" else picture.size
    left, top = crop["x"] * scale[0], crop["y"] * scale[1]
    right, bottom = left + crop["width"] * scale[0], top + crop["height"] * scale[1]
    slack = 1e-6 * max(picture.size)
    outside = left < 0 or top < 0 or right > picture.width + slack or bottom > picture.height + slack
    if outside or right <= left or bottom <= top:
        raise Refusal(422, "crop-refused", "The crop is not usable", f"crop {crop} does not lie inside the image")
    return picture.crop(
        (round(left), round(top), max(round(right), round(left) + 1), max(round(bottom), round(top) + 1))
    )


@functools.lru_cache(maxsize=4096)
def thumbnail(content: bytes, size: int) -> bytes:
    picture = open_upright(content, "image")
    picture.thumbnail((size, size))
    made = io.BytesIO()
    picture.save(made, "WEBP", quality=82)
    return made.getvalue()


def preview(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(thumbnail(content, 1024)).decode()}"


# -- HTTP --------------------------------------------------------------------------------------------------------------


def application(library: Library) -> Starlette:
    """The routes of the contract."""
    api = Api(library)
    routes = [
        Route("/", lambda _: FileResponse(str(PAGE / "index.html"))),
        Mount("/page", StaticFiles(directory=str(PAGE))),
        Route("/v1/search", api.search, methods=["POST"]),
        Route("/v1/images", api.browse, methods=["GET"]),
        Route("/v1/images", api.add, methods=["POST"]),
        Route("/v1/images/outline", api.outline, methods=["GET"]),
        Route("/v1/images/{id}", api.image, methods=["GET"]),
        Route("/v1/images/{id}/content", api.content, methods=["GET"]),
        Route("/v1/events", api.events, methods=["POST"]),
        Route("/healthz", lambda _: JSONResponse({"status": "alive"})),
    ]
    app = Starlette(routes=routes, exception_handlers={Refusal: refuse, HTTPException: refuse_path})

    async def with_policy(scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"content-security-policy", CONTENT_SECURITY_POLICY.encode()))
            await send(message)

        await app(scope, receive, send_with_policy)

    return with_policy  # type: ignore[return-value]


def refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    problem = {
        "type": f"urn:lookalike:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        "instance": request.url.path,
    }
    return JSONResponse(problem, error.status, media_type="application/problem+json")


def refuse_path(request: Request, error: Exception) -> Response:
    return refuse(request, Refusal(404, "not-found", "Not found", request.url.path))


@dataclass
class Api:
    """The handlers."""

    library: Library

    async def search(self, request: Request) -> Response:
        started = time.perf_counter()
        if request.headers["content-type"].startswith("multipart/"):
            asked = await self.uploaded(request)
        else:
            asked = await request.json()
        if "cursor" in asked:
            return self.page(**json.loads(base64.urlsafe_b64decode(asked["cursor"])))
        picture = asked.get("opened") or self.find(asked["image_id"]).opened
        without = None if asked.get("include_self") else asked.get("image_id")
        hits = self.library.ranked(describe(cut(picture, asked.get("crop"))), without=without)
        query_id = uuid.uuid4().hex
        self.library.queries[query_id] = hits
        query = {"image_id": asked.get("image_id"), "width": picture.width, "height": picture.height}
        query |= {"indexed_as": asked.get("indexed_as"), "preview": asked.get("preview")}
        took = (time.perf_counter() - started) * 1000
        return self.page(query_id, 0, int(asked.get("limit", 30)), query | {"crop": asked.get("crop")}, took)

    async def uploaded(self, request: Request) -> dict[str, Any]:
        async with request.form() as form:
            file: Any = form["image"]
            content = await file.read()
            asked: dict[str, Any] = {
                "opened": open_upright(content, file.filename),
                "limit": form.get("limit", 30),
                "indexed_as": next((one.id for one in self.library.pictures.values() if one.content == content), None),
                "preview": preview(content) if form.get("preview") == "always" else None,
            }
            if form.get("crop"):
                values = [float(part) for part in str(form["crop"]).split(",")]
                names = ("x", "y", "width", "height")
                asked["crop"] = dict(zip(names, values, strict=True)) | {"unit": form.get("crop_unit", "fraction")}
        return asked

    def page(self, query_id: str, start: int, limit: int, query: dict[str, Any], took: float = 1.0) -> Response:
        hits = self.library.queries[query_id]
        following = {"query_id": query_id, "start": start + limit, "limit": limit, "query": query}
        cursor = base64.urlsafe_b64encode(json.dumps(following).encode()).decode()
        return JSONResponse(
            {
                "query_id": query_id,
                "generation": "pretend-1",
                "query": query,
                "total": len(hits),
                "complete": True,
                "images": len(hits),
                "reachable": len(hits),
                "hits": hits[start : start + limit],
                "next_cursor": cursor if start + limit < len(hits) else None,
                "milliseconds": {"decode": 0, "embed": 0, "search": 0, "rerank": 0, "total": took},
                "notes": [],
            }
        )

    def find(self, image_id: str) -> Picture:
        if image_id not in self.library.pictures:
            raise Refusal(404, "unknown-image", "No such picture", f"there is no image {image_id} in this library")
        return self.library.pictures[image_id]

    async def browse(self, request: Request) -> Response:
        tag = request.query_params.get("tag")
        limit, start = (int(request.query_params.get(name) or usual) for name, usual in (("limit", 50), ("cursor", 0)))
        everything = [one for one in self.library.pictures.values() if not tag or tag in one.tags]
        chosen = [picture.to_json() for picture in everything[start : start + limit]]
        cursor = str(start + limit) if start + limit < len(everything) else None
        return JSONResponse({"images": chosen, "next_cursor": cursor, "total": len(everything)})

    async def outline(self, request: Request) -> Response:
        tag, every = request.query_params.get("tag"), 20
        everything = [one for one in self.library.pictures.values() if not tag or tag in one.tags]
        start = int(request.query_params["cursor"])
        shapes = [one.opened.height / one.opened.width for one in everything[start:]]
        steps = bytes(round((np.clip(np.log2(shape), -2, 2) + 2) * 255 / 4) for shape in shapes)
        cursors = [str(at) for at in range(start, len(everything), every)]
        answer = {"shapes": base64.b64encode(steps).decode(), "every": every, "cursors": cursors, "next_cursor": None}
        return JSONResponse(answer)

    async def add(self, request: Request) -> Response:
        async with request.form() as form:
            file: Any = form["image"]
            picture, created = self.library.add(await file.read(), file.filename)
        return JSONResponse(picture.to_json(), 201 if created else 200)

    async def image(self, request: Request) -> Response:
        return JSONResponse(self.find(request.path_params["id"]).to_json())

    async def content(self, request: Request) -> Response:
        picture = self.find(request.path_params["id"])
        size = request.query_params.get("size")
        if size is None:
            return Response(picture.content, media_type=picture.to_json()["media_type"])
        return Response(thumbnail(picture.content, int(size)), media_type="image/webp")

    async def events(self, request: Request) -> Response:
        received = (await request.json())["events"]
        fresh, errors = {}, []
        for number, event in enumerate(received):
            ranks = {hit["image"]["id"]: hit["rank"] for hit in self.library.queries.get(event["query_id"], [])}
            if ranks.get(event["image_id"]) != event["position"]:
                reason = "not-shown" if event["query_id"] in self.library.queries else "unknown-query"
                errors.append({"field": f"events[{number}]", "message": "does not belong", "reason": reason})
            elif event["event_id"] not in self.library.events:
                fresh[event["event_id"]] = event
        self.library.events.update(fresh)
        receipt = {"stored": len(fresh), "already_known": len(received) - len(fresh) - len(errors)}
        if not errors:
            return JSONResponse(receipt)
        problem = {
            "type": "urn:lookalike:problem:event-refused",
            "title": "Not stored",
            "status": 422,
            "detail": "some",
        }
        return JSONResponse(problem | receipt | {"errors": errors}, 422, media_type="application/problem+json")


# -- pictures and running ----------------------------------------------------------------------------------------------


def tiny_pictures(count: int) -> Iterator[tuple[str, bytes, list[str]]]:
    """(name, content, tags) of a long list: a few pixels of one colour each, in five shapes, quickly opened."""
    shapes = itertools.cycle([(6, 4), (4, 6), (5, 5), (6, 3), (3, 5)])
    for number, (width, height) in zip(range(count), shapes, strict=False):
        colour = bytes((number >> 8 & 255, number & 255, (number >> 16) * 40 & 255))
        yield f"tiny-{number:06d}.ppm", b"P6 %d %d 255\n" % (width, height) + width * height * colour, []


def generated_pictures(count: int = 96) -> Iterator[tuple[str, bytes, list[str]]]:
    """(name, content, tags): two-coloured pictures of many shapes, so that a crop changes what looks alike."""
    random = np.random.default_rng(7)
    shapes = itertools.cycle([(480, 320), (320, 480), (400, 400), (600, 300), (300, 560)])
    for number, (width, height) in zip(range(count), shapes, strict=False):
        coarse = random.integers(30, 226, (2, 2, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        made = io.BytesIO()
        picture.save(made, "PNG")
        yield f"picture-{number:03d}.png", made.getvalue(), ["even" if number % 2 == 0 else "odd"]
        if number % 40 == 5:
            for copy in (1, 2):
                made = io.BytesIO()
                picture.save(made, "JPEG", quality=90 - copy)
                yield f"picture-{number:03d}.png-copy{copy}", made.getvalue(), []


@contextmanager
def serving(library: Library, *, port: int = 0, below: str = "") -> Iterator[str]:
    """The base address of the library's pretended server, which stops on leaving.

    Args:
        library: what it shows.
        port: 0 for any.
        below: as behind a proxy that keeps a path for it (`/photos`) and takes that off: nothing else is answered.
    """
    listening = socket.socket()
    listening.bind(("127.0.0.1", port))
    app = Starlette(routes=[Mount(below, application(library))]) if below else application(library)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{below}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
