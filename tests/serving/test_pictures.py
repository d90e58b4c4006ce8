"""Pictures in whatever body a client can send them."""

import base64
import json
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from lookalike.serving.bodies import parsed
from lookalike.serving.pictures import (
    ReceivedPicture,
    SentPicture,
    _only_picture,
    _parse_any_form,
    picture_in_json,
    picture_in_text,
)
from lookalike.serving.problems import Refused
from lookalike.serving.wire import SearchRequest
from pictures import jpeg_bytes, noise, photo

SMALL = jpeg_bytes(photo(seed=3))

LARGE = jpeg_bytes(noise(700, 700), quality=95)  # more than a form's field or a JSON body may have


def form(*parts):
    """A multipart body as sent by hand: (disposition, more headers, content)."""
    body = b"".join(
        b"--XX\r\nContent-Disposition: form-data; " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"
        for disposition, more, content in parts
    )
    return {"content": body + b"--XX--\r\n", "headers": {"content-type": "multipart/form-data; boundary=XX"}}


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    "disposition", [b'name="image"', b"name=image", b'name="image"; filename=""', b'name="image" ']
)
@pytest.mark.parametrize("more", [b"", b"Content-Type: image/jpeg\r\n", b"Content-Type: text/plain\r\n"])
def test_a_part_needs_no_file_name(client, images, content, disposition, more):
    hits = client.post("/v1/search", **form((disposition, more, content))).json()["hits"]
    assert content is LARGE or hits[0]["image"]["id"] == images[3]
    assert hits


def test_a_part_of_another_name_is_told_where_the_picture_belongs(client, problem):
    told = problem(
        client.post("/v1/search", **form((b'name="file"; filename="a.jpg"', b"", SMALL))), 422, "invalid-request"
    )
    assert told.errors == [{"field": "file", "message": "the picture belongs in the field image, as the only file"}]


def as_base64(content):
    return base64.b64encode(content).decode()


SPELLINGS = {
    "plain": as_base64,
    "data url": lambda content: f"data:image/jpeg;base64,{as_base64(content)}",
    "data url with parameters": lambda content: f"DATA:image/jpeg;charset=x;BASE64,{as_base64(content)}",
    "data url, escaped": lambda content: f"data:image/jpeg;base64,{as_base64(content).replace('+', '%2B')}",
    "without padding": lambda content: as_base64(content).rstrip("="),
    "url-safe": lambda content: base64.urlsafe_b64encode(content).decode(),
    "lines": lambda content: base64.encodebytes(content).decode(),
    "windows lines": lambda content: f" \t{base64.encodebytes(content).decode()}".replace("\n", "\r\n"),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_base64_in_json_is_searched_by(client, images, spelling):
    response = client.post("/v1/search", json={"limit": 2, "image": spelling(SMALL)})
    assert response.json()["hits"][0]["image"]["id"] == images[3]
    assert len(response.json()["hits"]) == 2
    assert response.json()["query"]["indexed_as"] == images[3]


@pytest.mark.parametrize("escapes", [("/", "\\/"), ("+", "\\u002B"), ("=", "\\u003d")])
def test_base64_may_be_escaped_as_other_languages_do(client, images, escapes):
    body = json.dumps({"image": as_base64(SMALL)}).replace(*escapes)
    response = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert response.json()["hits"][0]["image"]["id"] == images[3]


def test_a_large_picture_in_json_is_taken_with_its_crop(client, images):
    crop = {"x": 0, "y": 0, "width": 350, "height": 350, "unit": "pixel"}
    response = client.post("/v1/search", json={"image": as_base64(LARGE), "crop": crop, "include_self": True})
    assert response.json()["query"]["crop"]["width"] == 0.5


def test_json_has_limits(client_of, problem):
    client = client_of(max_body_bytes=300_000, max_json_bytes=1000)
    assert client.post("/v1/search", json={"image": as_base64(SMALL)}).status_code != 413
    problem(client.post("/v1/search", json={"image": as_base64(LARGE)}), 413, "body-too-large")
    both = {"image": as_base64(SMALL), "cursor": "c" * 2000}
    told = problem(client.post("/v1/search", json=both), 413, "body-too-large")
    assert "beside its picture" in told.detail
    problem(client.post("/v1/search", json={"cursor": "c" * 2000}), 413, "body-too-large")


@pytest.mark.parametrize(
    "text",
    ["", " ", "data:image/png;base64,", "not base64!", "data:image/png,abc", "data:", "é", "a", "=", "%%%", "\\"],
)
def test_what_is_no_base64_is_said_by_field(client, problem, text):
    told = problem(client.post("/v1/search", json={"image": text}), 422, "invalid-request")
    assert told.errors[0]["field"] == "image"


@pytest.mark.parametrize(
    "body", [{"image": None}, {"image": 3}, {"image": ["YQ=="]}, {"image": "YQ==", "image_id": "a"}]
)
def test_json_asks_one_thing(client, problem, body):
    problem(client.post("/v1/search", json=body), 422, "invalid-request")


@given(st.binary(min_size=1), st.sampled_from(sorted(SPELLINGS)))
def test_every_spelling_stands_for_the_bytes(content, spelling):
    value, picture = picture_in_json(
        json.dumps({"limit": 7, "image": SPELLINGS[spelling](content)}).encode(), SearchRequest, most_other_bytes=100
    )
    assert (picture, value.limit) == (content, 7)


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reading(body):
    for text in (body, b'{"image": "' + body + b'"}'):
        for read in (lambda b: picture_in_json(b, SearchRequest, most_other_bytes=1000), picture_in_text):
            with suppress(Refused):
                read(text)


PIECES = st.sampled_from(
    [b"\r\n", b"--", b"XX", b'"', b"; ", b"\r\n--XX\r\n", b"\r\n--XX--\r\n", b"image", b"data:", b"\xff"]
)
FILE_NAMES = st.one_of(
    st.text(max_size=8), st.sampled_from(["q.jpg", "blob", "a b.png", "C:\\x.jpg", "a%22b", "a/b.jpg"])
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=6))), FILE_NAMES, st.booleans(), st.booleans())
def test_a_plain_form_is_read_as_the_parser_of_forms_reads_it(pieces, name, typed, ended):
    disposition = f'name="image"; filename="{name}"'.encode()
    sent = form((disposition, b"Content-Type: image/jpeg\r\n" if typed else b"", b"".join(pieces)))
    body = sent["content"] if ended else sent["content"][:-2]
    read = _only_picture(sent["headers"]["content-type"], body)
    received = ReceivedPicture(
        pieces=(body,), media_type="multipart/form-data", headers=Headers(sent["headers"]), parameters=[]
    )
    content, file_name = read or (b"", None)
    sent_picture = SentPicture(content=content, file_name=file_name, fields={})
    assert read is None or _parse_any_form(received, ()) == sent_picture


def test_what_programs_usually_send_is_a_plain_form():
    sent = form((b'name="image"; filename="q.jpg"', b"Content-Type: image/jpeg\r\n", SMALL))
    assert _only_picture(sent["headers"]["content-type"], sent["content"]) == (SMALL, "q.jpg")


class Held:
    """Pieces of a body that are put together for as long as somebody wants."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __len__(self):
        return 2

    def __iter__(self):
        self.begun.set()
        self.may_end.wait(10)
        return iter((b"a", b"b"))


def test_a_body_that_is_being_put_together_holds_up_no_other():
    held, bodies = Held(), []

    def put_together(pieces):
        received = ReceivedPicture(pieces=pieces, media_type="image/bmp", headers=Headers({}), parameters=[])
        bodies.append(received.body)

    long, short = (threading.Thread(target=put_together, args=(pieces,)) for pieces in (held, (b"c", b"d")))
    long.start()
    assert held.begun.wait(10)
    short.start()
    short.join(10)
    assert bodies == [b"cd"]
    held.may_end.set()
    long.join(10)
    assert bodies == [b"cd", b"ab"]


def test_a_picture_is_where_json_says_it_is():
    body = json.dumps({"cursor": '"image": "YQ=="'}).encode()
    value, picture = picture_in_json(body, SearchRequest, most_other_bytes=100)
    assert (value, picture) == (parsed(SearchRequest, body), None)


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", "image/anything"])
def test_the_body_may_be_the_picture(client, images, kind):
    response = client.post("/v1/search?limit=2&crop=0,0,1,1", content=SMALL, headers={"content-type": kind})
    assert response.json()["hits"][0]["image"]["id"] == images[3]
    assert len(response.json()["hits"]) == 2


def test_what_curl_declares_is_explained(client, problem):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    told = problem(client.post("/v1/search", content=SMALL, headers=headers), 415, "unsupported-media-type")
    assert "Content-Type: image/jpeg" in told.detail


def test_a_data_url_in_a_form_is_a_picture(client, images):
    data = SPELLINGS["data url"](SMALL)
    hits = client.post("/v1/search", **form((b'name="image"', b"", data.encode()))).json()["hits"]
    assert hits[0]["image"]["id"] == images[3]


def test_json_fields_do_not_stand_in_the_query(client, images, problem):
    told = problem(client.post("/v1/search?limit=3", json={"image_id": images[0]}), 422, "invalid-request")
    assert "body" in told.detail


def test_an_upload_in_json_is_kept_with_all_that_was_said(client, library):
    asked = {"image": as_base64(SMALL), "name": "C:\\fakepath\\Schuh.jpg", "tags": ["shoe"], "visibility": "public"}
    response = client.post("/v1/images", json=asked)
    assert response.status_code == 201
    assert (response.json()["source_name"], response.json()["tags"]) == ("Schuh.jpg", ["shoe"])
    assert client.get(response.json()["content_url"]).content == SMALL


def test_an_upload_may_be_the_body(client):
    headers = {"content-type": "image/jpeg"}
    response = client.post("/v1/images?name=bag.jpg&tags=a,b", content=SMALL, headers=headers)
    assert (response.json()["source_name"], response.json()["tags"]) == ("bag.jpg", ["a", "b"])


def test_tags_may_be_a_field_each(client):
    files = [("image", ("a.jpg", SMALL)), *(("tags", (None, f"tag {number}")) for number in range(64))]
    assert len(client.post("/v1/images", files=files).json()["tags"]) == 64


NAMES = {
    "invoice-2026-001.jpg": "invoice-2026-001.jpg",
    "Füße \U0001f45f.jpg": "Füße \U0001f45f.jpg",
    "Fu\u0308ße.jpg": "Füße.jpg",
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\cat.jpg": "cat.jpg",
    "a%22b.jpg": 'a"b.jpg',
    "x\u202egpj.exe": "xgpj.exe",
    "tab\there\x7f.jpg": "tabhere.jpg",
    "a" * 3000 + ".jpg": "a" * 195 + "….jpg",
    "<img src=x onerror=alert(1)>.jpg": "<img src=x onerror=alert(1)>.jpg",
    "blob": None,
    "..": None,
    "": None,
}


@pytest.mark.parametrize("sent", NAMES, ids=range(len(NAMES)))
def test_names_are_kept_to_be_shown(client, sent):
    response = client.post("/v1/images", **form((f'name="image"; filename="{sent}"'.encode(), b"", SMALL)))
    assert response.json()["source_name"] == NAMES[sent]
    hit = client.post("/v1/search", json={"image_id": response.json()["id"], "include_self": True}).json()["hits"][0]
    assert hit["image"]["source_name"] == NAMES[sent]
    assert client.get(response.json()["content_url"]).content == SMALL


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"name=\"image\"; filename*=UTF-8''%E2%82%AC%20rates.jpg", "€ rates.jpg"),
        (b'name="image"; filename="EUR.jpg"; filename*=utf-8\'\'%E2%82%AC.jpg', "€.jpg"),
        (b'name="image"; filename=plain.jpg', "plain.jpg"),
        (b'name="image"; filename="\xff\xfe.jpg"', "ÿþ.jpg"),
    ],
)
def test_names_may_be_sent_as_clients_do(client, disposition, name):
    assert client.post("/v1/images", **form((disposition, b"", SMALL))).json()["source_name"] == name
