import base64
import math
import threading

import httpx
import pytest

from lookalike.errors import StorageFailed
from lookalike.types import Visibility
from pictures import jpeg_bytes, photo
from serving.asking import TOKEN, picture, upload


def test_an_upload_is_stored_and_found_at_once(client, library, images):
    response = upload(client, picture(70), tags="shoe, brown ,", owner_id="ann", visibility="public")
    assert response.status_code == 201, response.text
    record = response.json()
    assert record["tags"] == ["shoe", "brown"]
    assert (record["owner_id"], record["visibility"], record["width"], record["height"]) == ("ann", "public", 320, 240)
    assert record["bytes"] == len(picture(70))
    assert response.headers["location"] == f"/v1/images/{record['id']}"
    assert client.search(picture(70)).json()["hits"][0]["image"] == record
    assert library.catalog.images.content(record["id"]) == picture(70)


def test_an_outline_says_where_every_image_goes(client, library, images):
    page = client.get("/v1/images", params={"limit": 5}).json()
    outline = client.get("/v1/images/outline", params={"cursor": page["next_cursor"]}).json()
    assert base64.b64decode(outline["shapes"]) == bytes([round((math.log2(240 / 320) + 2) * 255 / 4)] * 7)
    assert outline["cursors"] == [page["next_cursor"]]
    assert outline["next_cursor"] is None
    library.catalog.images.update(images[0], visibility=Visibility.PRIVATE)
    again = client.get("/v1/images/outline", params={"cursor": page["next_cursor"]}).json()
    hidden_was_there = images[0] not in [image["id"] for image in page["images"]]
    assert len(base64.b64decode(again["shapes"])) == 7 - hidden_was_there


@pytest.mark.parametrize("cursor", ["x", "AAAA", ""])
def test_a_damaged_cursor_of_an_outline_is_refused(client, images, cursor):
    assert client.get("/v1/images/outline", params={"cursor": cursor}).status_code in {400, 422}


def test_uploading_again_changes_nothing_and_says_so(client):
    first = upload(client, picture(1), tags="first")
    again = upload(client, picture(1), tags="second")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"visibility": "secret"}, "visibility"),
        ({"tags": ",".join(f"tag{n}" for n in range(65))}, "tags"),
        ({"tags": "x" * 65}, "tags[0]"),
        ({"owner_id": "x" * 129}, "owner_id"),
        ({"owner_id": "a\nb"}, "owner_id"),
        ({"id": "mine"}, "id"),
    ],
)
def test_upload_fields_are_checked_and_nothing_is_stored(client, library, problem, fields, field):
    told = problem(upload(client, picture(1), **fields), 422, "invalid-request")
    assert [error["field"] for error in told.errors] == [field]
    assert library.catalog.counts().live == 0


@pytest.mark.parametrize(("content", "status"), [(b"", 422), (b"nothing", 415), (picture(0)[:500], 422)])
def test_what_is_no_picture_is_not_stored(client, library, problem, content, status):
    problem(upload(client, content), status, "image-refused")
    assert library.catalog.counts().live == 0


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/xml"])
def test_an_upload_must_be_a_form_json_or_a_picture(client, problem, kind):
    response = client.post("/v1/images", content=picture(0), headers={"content-type": kind})
    problem(response, 415, "unsupported-media-type")


def test_a_full_disk_is_507_and_said_so(client, library, images, problem, monkeypatch):
    def full(_additions):
        raise StorageFailed("catalog.sqlite: no space left on device; nothing was stored")

    monkeypatch.setattr(library.catalog.images, "add", full)
    assert "no space" in problem(upload(client, picture(80)), 507, "storage-failed").detail


def test_lists_show_every_public_image_once_newest_first(client, library, images):
    hidden = library.add(60, visibility=Visibility.PRIVATE)
    seen, cursor = [], None
    for _ in range(3):
        page = client.get("/v1/images", params={"limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        assert set(page) == {"images", "next_cursor", "total"}
        assert page["total"] == 12
        seen += [record["id"] for record in page["images"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert sorted(seen) == sorted(images)
    assert hidden not in seen
    times = [client.get(f"/v1/images/{image_id}").json()["uploaded_at"] for image_id in seen]
    assert times == sorted(times, reverse=True)


def test_lists_can_be_narrowed_to_a_tag(client, library, images):
    tagged = library.add(61, tags=("shoe",))
    page = client.get("/v1/images", params={"tag": "shoe"}).json()
    assert [record["id"] for record in page["images"]] == [tagged]
    assert page["total"] == 1
    assert client.get("/v1/images", params={"tag": "none"}).json()["images"] == []


def test_totals_of_tags_count_all_pages(client, library, monkeypatch):
    monkeypatch.setattr("lookalike.serving.images._COUNTED_AT_ONCE", 3)
    for seed in range(7):
        library.add(seed, tags=("shoe",))
    for _ in range(2):
        page = client.get("/v1/images", params={"tag": "shoe", "limit": 2}).json()
        assert (len(page["images"]), page["total"]) == (2, 7)


def test_totals_follow_changes(client, library, images):
    assert client.get("/v1/images").json()["total"] == 12
    client.delete(f"/v1/images/{images[0]}")
    client.patch(f"/v1/images/{images[1]}", json={"visibility": "blocked"})
    assert client.get("/v1/images").json()["total"] == 10


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": "0"}, "query.limit"),
        ({"limit": "1000"}, "query.limit"),
        ({"limit": "x"}, "query.limit"),
        ({"visibility": "all"}, "query.visibility"),
        ({"tag": "\x00"}, "query.tag"),
        ({"cursor": "c" * 600}, "query.cursor"),
    ],
)
def test_list_parameters_are_checked(client, problem, parameters, field):
    told = problem(client.get("/v1/images", params=parameters), 422, "invalid-request")
    assert [error["field"] for error in told.errors] == [field]


def test_a_damaged_list_cursor_is_refused(client, images, problem):
    problem(client.get("/v1/images", params={"cursor": "nonsense"}), 400, "cursor-refused")


@pytest.mark.parametrize("image_id", ["0" * 32, "short", "%00", "A" * 32, "..%2f..%2fetc", "0" * 5000, "é"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_unknown_images_are_unknown(client, problem, image_id, method):
    response = client.request(method, f"/v1/images/{image_id}", json={"tags": ["shoe"]} if method == "PATCH" else None)
    problem(response, 404, "not-found" if "%2f" in image_id else "unknown-image")


def test_a_change_keeps_what_it_does_not_name(client, images):
    url = f"/v1/images/{images[0]}"
    assert client.patch(url, json={"tags": ["shoe"], "owner_id": "ann"}).json()["tags"] == ["shoe"]
    record = client.patch(url, json={"visibility": "public", "owner_id": None}).json()
    assert (record["tags"], record["owner_id"]) == (["shoe"], "ann")
    assert client.patch(url, json={"tags": []}).json()["tags"] == []
    assert client.get(url).json()["owner_id"] == "ann"


@pytest.mark.parametrize(
    "body",
    [{}, {"tags": None}, {"tags": "shoe"}, {"tags": ["a,b"]}, {"tags": [""]}, {"visibility": "x"}, {"width": 3}, []],
)
def test_changes_are_checked(client, images, problem, body):
    problem(client.patch(f"/v1/images/{images[0]}", json=body), 422, "invalid-request")


def test_changes_must_be_json(client, images, problem):
    response = client.patch(f"/v1/images/{images[0]}", content=b"{}", headers={"content-type": "text/plain"})
    problem(response, 415, "unsupported-media-type")


def test_a_hidden_image_vanishes_everywhere_and_its_owner_can_bring_it_back(client, images, problem):
    url = f"/v1/images/{images[0]}"
    assert client.get(f"{url}/content?size=64").status_code == 200
    assert client.patch(url, json={"visibility": "private"}).json()["visibility"] == "private"
    for address in (url, f"{url}/content", f"{url}/content?size=64"):
        problem(client.get(address), 404, "unknown-image")
    assert client.patch(url, json={"tags": ["mine"]}).json()["visibility"] == "private"
    assert client.patch(url, json={"visibility": "public"}).status_code == 200
    assert client.get(f"{url}/content?size=64").status_code == 200


def test_deletion_is_at_once_and_for_good(client, library, images, problem):
    folder = library.folder / "pictures"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(picture(0))
    library.indexer.index([folder])
    url = f"/v1/images/{images[0]}"
    assert client.get(f"{url}/content?size=64").status_code == 200
    response = client.delete(url)
    assert (response.status_code, response.content) == (204, b"")
    for address in (url, f"{url}/content", f"{url}/content?size=64"):
        problem(client.get(address), 404, "unknown-image")
    problem(client.delete(url), 404, "unknown-image")
    library.indexer.index([folder])
    problem(client.get(url), 404, "unknown-image")
    assert not list((library.folder / "thumbnails").rglob(f"{images[0]}*"))


# -- rights ------------------------------------------------------------------------------------------------------------


def test_folders_are_named_to_those_who_may_change_the_library(library, client_of):
    folder = library.folder / "holidays"
    folder.mkdir()
    (folder / "beach.jpg").write_bytes(picture(7))
    library.indexer.index([folder])

    def folders(client, **how):
        listed = client.get("/v1/images", **how).json()["images"]
        found = client.post("/v1/search", files={"image": ("q.jpg", picture(7))}, **how).json()["hits"]
        one = client.get(f"/v1/images/{listed[0]['id']}", **how).json()
        return {listed[0]["folder"], found[0]["image"]["folder"], one["folder"]}

    guarded = client_of(admin_token="correct horse")
    assert folders(guarded) == {None}
    assert folders(guarded, headers=TOKEN) == {"holidays"}
    assert folders(guarded) == {None}
    assert folders(client_of()) == {"holidays"}  # where everybody may change it


def test_many_uploads_at_once_are_all_there(server_of, library):
    server = server_of(workers=2)
    statuses = []

    def send(seed):
        with httpx.Client(base_url=server.url) as client:
            files = {"image": (f"{seed}.jpg", jpeg_bytes(photo(seed=seed)), "image/jpeg")}
            statuses.append(client.post("/v1/images", files=files).status_code)

    threads = [threading.Thread(target=send, args=(seed % 6,)) for seed in range(18)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 12 + [201] * 6
    assert library.catalog.counts().live == 6
