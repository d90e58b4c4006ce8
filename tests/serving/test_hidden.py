"""Private means unknowable: no answer tells a hidden image from one that was never there."""

import base64
import itertools
import re
import shutil
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalog import content_id
from lookalike.errors import LibraryMissing, ModelMissing, SnapshotDamaged, StorageFailed
from lookalike.serving import create_app
from lookalike.types import Visibility
from pictures import jpeg_bytes, photo
from serving.conftest import Client, Library, picture

HIDDEN = picture(90)
ID = content_id(HIDDEN)
HIDDEN_WAYS = [Visibility.PRIVATE, Visibility.BLOCKED]


class World:
    """A library with twelve public images, and a client of it that is not its owner."""

    def __init__(self, library, portal, **settings):
        self.library = library
        self.client = Client(portal, create_app(library.services, library.settings(**settings)))
        self.query = self.client.post("/v1/search", json={"image_id": shown_id(0)}).json()["query_id"]


def shown_id(seed):
    return content_id(picture(seed))


@pytest.fixture
def worlds(tmp_path, empty_catalog, twelve, portal):
    """Makes worlds that differ in one image, which is absent from the first and hidden in the other."""
    numbers = itertools.count()
    with ExitStack() as opened:

        def world(visibility, **settings):
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            shutil.copy(empty_catalog, folder)
            library = opened.enter_context(Library(folder))
            library.catalog.images.add(twelve)
            library.catalog.models.set_live(library.indexer.model)
            if visibility is not None:
                given = {"tags": ("secret",), "owner_id": "ann", "visibility": visibility}
                library.indexer.add_upload(HIDDEN, name="secret.jpg", **given)
            made = World(library, portal, **settings)
            opened.callback(made.client.close)
            return made

        yield lambda visibility, **settings: [world(None, **settings), world(visibility, **settings)]


def event(world, **changes):
    one = {"event_id": "e1", "query_id": world.query, "image_id": ID, "position": 1, "kind": "click"}
    return {"json": {"events": [{**one, **changes}]}}


REQUESTS = {
    "record": lambda _: ("GET", f"/v1/images/{ID}", {}),
    "head": lambda _: ("HEAD", f"/v1/images/{ID}", {}),
    "content": lambda _: ("GET", f"/v1/images/{ID}/content", {}),
    "known content": lambda _: ("GET", f"/v1/images/{ID}/content", {"headers": {"if-none-match": f'"{ID}"'}}),
    "any content": lambda _: ("GET", f"/v1/images/{ID}/content", {"headers": {"if-none-match": "*"}}),
    "thumbnail": lambda _: ("GET", f"/v1/images/{ID}/content?size=256", {}),
    "odd thumbnail": lambda _: ("GET", f"/v1/images/{ID}/content?size=3", {}),
    "range": lambda _: ("GET", f"/v1/images/{ID}/content", {"headers": {"range": "bytes=0-1"}}),
    "search": lambda _: ("POST", "/v1/search", {"json": {"image_id": ID}}),
    "search by part": lambda _: (
        "POST", "/v1/search", {"json": {"image_id": ID, "crop": {"x": 0, "y": 0, "width": 0.5, "height": 1}}},
    ),
    "search by pixels": lambda _: (
        "POST", "/v1/search",
        {"json": {"image_id": ID, "crop": {"x": 0, "y": 0, "width": 9999, "height": 1, "unit": "pixel"}}},
    ),
    "search by the bytes": lambda _: ("POST", "/v1/search", {"files": {"image": ("a.jpg", HIDDEN)}}),
    "search by what is near": lambda _: (
        "POST", "/v1/search", {"files": {"image": ("a.jpg", jpeg_bytes(photo(seed=90), quality=40))}},
    ),
    "search by base64": lambda _: ("POST", "/v1/search", {"json": {"image": base64.b64encode(HIDDEN).decode()}}),
    "event": lambda world: ("POST", "/v1/events", event(world)),
    "event of an unknown query": lambda world: ("POST", "/v1/events", event(world, query_id="none")),
    "impression": lambda world: ("POST", "/v1/events", event(world, kind="impression", event_id="e2")),
    "list": lambda _: ("GET", "/v1/images?limit=200", {}),
    "list of a tag": lambda _: ("GET", "/v1/images?tag=secret", {}),
    "list of the hidden": lambda _: ("GET", "/v1/images?visibility=private", {}),
    "readiness": lambda _: ("GET", "/readyz", {}),
    "upload": lambda _: ("POST", "/v1/images", {"files": {"image": ("mine.jpg", HIDDEN)}, "data": {"tags": "b,a,b"}}),
    "upload with fields": lambda _: (
        "POST", "/v1/images", {"files": {"image": ("x", HIDDEN)}, "data": {"visibility": "private", "owner_id": "eve"}},
    ),
    "upload in json": lambda _: ("POST", "/v1/images", {"json": {"image": base64.b64encode(HIDDEN).decode()}}),
}  # fmt: skip
CHANGES = {
    "change": lambda _: ("PATCH", f"/v1/images/{ID}", {"json": {"tags": ["a"]}}),
    "deletion": lambda _: ("DELETE", f"/v1/images/{ID}", {}),
    "wrong token": lambda _: ("DELETE", f"/v1/images/{ID}", {"headers": {"authorization": "Bearer guess"}}),
}
CHANGING = re.compile(r'"(query_id|uploaded_at|generation|next_cursor)": ?"[^"]*"|"milliseconds": ?\{[^}]*\}')


def answer(world, request):
    """Status, headers and body, without what differs between any two answers."""
    method, url, given = request(world)
    response = world.client.request(method, url, **given)
    headers = {
        name: value for name, value in response.headers.items() if name not in {"server-timing", "content-length"}
    }
    return response.status_code, headers, CHANGING.sub("", response.text).replace(world.query, "QUERY")


@pytest.mark.parametrize("visibility", HIDDEN_WAYS)
@pytest.mark.parametrize("token", [None, "sesame"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_answer_tells_hidden_from_absent(worlds, visibility, token, data):
    """All requests, in any order, are answered alike; an upload is last: it may bring an image."""
    absent, hidden = worlds(visibility, admin_token=token)
    possible = {**REQUESTS, **(CHANGES if token else {})}
    names = data.draw(st.permutations(sorted(possible)))
    for name in sorted(names, key=lambda name: name.startswith("upload")):
        assert answer(absent, possible[name]) == answer(hidden, possible[name]), name
        if name.startswith("upload") and token is None:
            break


@pytest.mark.parametrize("visibility", HIDDEN_WAYS)
@pytest.mark.parametrize("name", sorted({*REQUESTS, *CHANGES}))
def test_each_answer_is_the_same(worlds, visibility, name):
    request = {**REQUESTS, **CHANGES}[name]
    absent, hidden = worlds(visibility, admin_token="sesame" if name in CHANGES else None)
    assert answer(absent, request) == answer(hidden, request)


@pytest.mark.parametrize("visibility", HIDDEN_WAYS)
def test_an_upload_leaves_a_hidden_image_as_it_is(worlds, visibility):
    _, hidden = worlds(visibility)
    files = {"image": ("mine.jpg", HIDDEN)}
    response = hidden.client.post("/v1/images", files=files, data={"tags": "mine"})
    assert (response.status_code, response.json()["tags"], response.json()["visibility"]) == (201, ["mine"], "public")
    assert hidden.client.get(f"/v1/images/{ID}").status_code == 404
    kept = hidden.library.catalog.images.get(ID)
    assert (kept.tags, kept.owner_id, kept.visibility, kept.upload_name) == (
        ("secret",),
        "ann",
        visibility,
        "secret.jpg",
    )


def test_whoever_holds_the_token_is_told_what_is_there(worlds):
    _, hidden = worlds(Visibility.PRIVATE, admin_token="sesame")
    files, headers = {"image": ("mine.jpg", HIDDEN)}, {"authorization": "Bearer sesame"}
    response = hidden.client.post("/v1/images", files=files, headers=headers)
    assert (response.status_code, response.json()["visibility"], response.json()["tags"]) == (
        200,
        "private",
        ["secret"],
    )


@pytest.mark.parametrize("visibility", HIDDEN_WAYS)
def test_an_upload_takes_the_model_whether_or_not_the_bytes_are_here(worlds, visibility):
    for world in worlds(visibility):
        world.library.encoder.entered.clear()
        world.client.post("/v1/images", files={"image": ("a.jpg", HIDDEN)})
        assert world.library.encoder.entered.is_set()


PLACES = ["/srv/photos/catalog.sqlite", "C:\\photos\\catalog.sqlite", "photos/lib", "'/srv/my photos/x'"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("fault", "status"), [(StorageFailed, 507), (SnapshotDamaged, 503), (LibraryMissing, 503), (ModelMissing, 503)]
)
def test_no_answer_names_a_place_on_this_machine(client, library, images, monkeypatch, caplog, fault, status, place):
    def fail(*_args, **_named):
        raise fault(f"{place}: the disk is full")

    monkeypatch.setattr(library.catalog.images, "add", fail)
    monkeypatch.setattr(library.catalog.images, "get", fail)
    monkeypatch.setattr(library.engine._index, "current", fail)
    for response in (
        client.post("/v1/images", files={"image": ("a.jpg", picture(80))}),
        client.get(f"/v1/images/{images[0]}"),
        client.get(f"/v1/images/{images[0]}/content"),
        client.post("/v1/search", json={"image_id": images[0]}),
    ):
        assert response.status_code == status
        assert "photos" not in response.text
        assert "log" in response.json()["detail"]
    assert place in caplog.text


def test_a_reason_without_a_place_is_told(client, library, images, monkeypatch):
    def fail(*_args, **_named):
        raise StorageFailed("no space left on device; nothing was stored")

    monkeypatch.setattr(library.catalog.images, "update", fail)
    response = client.patch(f"/v1/images/{images[0]}", json={"tags": ["a"]})
    assert response.json()["detail"] == "no space left on device; nothing was stored"


@pytest.mark.parametrize("place", PLACES)
def test_readiness_names_no_place_either(portal, library, monkeypatch, place):
    def fail():
        raise ModelMissing(f"{place}: no model")

    monkeypatch.setattr(library.engine, "warm_up", fail)
    client = Client(portal, create_app(library.services, library.settings()))
    try:
        assert "photos" not in client.get("/readyz").text
    finally:
        client.close()
