import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import CursorRefused
from lookalike.serving.search import Cursor
from lookalike.types import Visibility
from pictures import huge_header_png_bytes, jpeg_bytes, oriented_bytes, photo, png_bytes


def picture(seed=0):
    return jpeg_bytes(photo(seed=seed))


def ids_of(response):
    assert response.status_code == 200, response.text
    return [hit["image"]["id"] for hit in response.json()["hits"]]


def test_a_picture_finds_itself_first_and_the_answer_is_complete(client, images):
    response = client.search(picture(3), limit=5)
    answer = response.json()
    assert ids_of(response)[0] == images[3]
    assert set(answer) == {
        "query_id", "generation", "query", "total", "complete", "images", "reachable", "hits", "next_cursor",
        "verifiable", "milliseconds", "notes", "facets",
    }  # fmt: skip
    assert answer["query"] == {
        "image_id": None, "width": 320, "height": 240, "crop": None, "indexed_as": images[3], "preview": None,
    }  # fmt: skip
    assert answer["total"] == 12
    first = answer["hits"][0]
    assert set(first) == {
        "rank",
        "image",
        "cosine",
        "closeness",
        "match",
        "duplicates",
        "blurred_duplicates",
        "same_thing",
    }
    assert (first["rank"], first["cosine"]) == (1, pytest.approx(1.0))
    assert set(answer["milliseconds"]) == {"decode", "embed", "search", "rerank", "total"}
    assert answer["milliseconds"]["total"] >= answer["milliseconds"]["decode"] > 0
    assert "embed;dur=" in response.headers["server-timing"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("visibility", ["private", "blocked"])
def test_a_hidden_image_is_as_unknown_as_one_that_never_was(client, images, visibility):
    assert client.patch(f"/v1/images/{images[3]}", json={"visibility": visibility}).status_code == 200
    for seed in (3, 99):
        assert client.search(picture(seed)).json()["query"]["indexed_as"] is None


def test_an_indexed_image_is_not_its_own_hit_unless_asked(client, images):
    found = ids_of(client.post("/v1/search", json={"image_id": images[0], "limit": 30}))
    assert images[0] not in found
    assert len(found) == 11
    assert ids_of(client.post("/v1/search", json={"image_id": images[0], "include_self": True}))[0] == images[0]


def test_hits_come_in_rank_order_with_their_whole_record(client, images):
    hits = client.post("/v1/search", json={"image_id": images[0]}).json()["hits"]
    assert [hit["rank"] for hit in hits] == list(range(1, 12))
    assert [hit["cosine"] for hit in hits] == sorted((hit["cosine"] for hit in hits), reverse=True)
    record = hits[0]["image"]
    assert record == client.get(f"/v1/images/{record['id']}").json()
    assert record["content_url"] == f"/v1/images/{record['id']}/content"


@pytest.mark.parametrize("form", ["fields", "json"])
def test_a_crop_in_pixels_is_the_same_crop_in_fractions(client, images, form):
    box, fractions = (80, 60, 160, 120), (0.25, 0.25, 0.5, 0.5)
    answers = []
    for values, unit in ((box, "pixel"), (fractions, "fraction")):
        if form == "fields":
            response = client.search(picture(3), crop=",".join(map(str, values)), crop_unit=unit)
        else:
            crop = dict(zip(("x", "y", "width", "height"), values, strict=True), unit=unit)
            response = client.post("/v1/search", json={"image_id": images[3], "crop": crop})
        assert response.status_code == 200, response.text
        answers.append(response.json())
    assert answers[0]["query"]["crop"] == {
        **dict(zip(("x", "y", "width", "height"), fractions, strict=True)),
        "unit": "fraction",
    }
    assert answers[0]["hits"] == answers[1]["hits"]


def test_pixels_of_a_crop_are_measured_on_the_upright_picture(client, images, problem):
    turned = oriented_bytes(6, photo(width=320, height=240))
    assert client.search(turned, crop="0,0,320,240", crop_unit="pixel").status_code == 200
    assert (
        "320 x 240" in problem(client.search(turned, crop="0,0,240,320", crop_unit="pixel"), 422, "crop-refused").detail
    )


@pytest.mark.parametrize(
    "crop", ["0,0,2,2", "0,0,0,1", "nan,0,1,1", "0,0,inf,1", "-0.1,0,0.5,0.5", "0,0,1", "a,b,c,d", ",,,", "0;0;1;1"]
)
def test_crops_that_do_not_fit_are_refused(client, images, problem, crop):
    problem(client.search(picture(0), crop=crop), 422, "crop-refused")


def test_an_empty_crop_is_none(client, images):
    assert client.search(picture(0), crop="").status_code == 200


@pytest.mark.parametrize(
    "crop",
    [
        '{"x":0,"y":0,"width":0,"height":1}',
        '{"x":NaN,"y":0,"width":1,"height":1}',
        '{"x":1e999,"y":0,"width":1,"height":1}',
    ],
)
def test_crops_in_json_are_refused_alike(client, images, problem, crop):
    body = f'{{"image_id": "{images[0]}", "crop": {crop}}}'
    problem(client.post("/v1/search", content=body, headers={"content-type": "application/json"}), 422, "crop-refused")


def test_pages_continue_the_frozen_ranking(client, images):
    whole = ids_of(client.search(picture(0), limit=30))
    page = client.search(picture(0), limit=5)
    seen, ranks = ids_of(page), [hit["rank"] for hit in page.json()["hits"]]
    while (cursor := page.json()["next_cursor"]) is not None:
        page = client.post("/v1/search", json={"cursor": cursor})
        seen += ids_of(page)
        ranks += [hit["rank"] for hit in page.json()["hits"]]
    assert seen == whole
    assert ranks == list(range(1, 13))


def test_a_later_page_may_have_another_size(client, images):
    first = client.search(picture(0), limit=5).json()
    second = client.post("/v1/search", json={"cursor": first["next_cursor"], "limit": 2}).json()
    assert [hit["rank"] for hit in second["hits"]] == [6, 7]
    assert second["query_id"] == first["query_id"]
    third = client.post("/v1/search", json={"cursor": second["next_cursor"]}).json()
    assert [hit["rank"] for hit in third["hits"]] == [8, 9]


@pytest.mark.parametrize("fate", ["deleted", "private", "blocked"])
def test_images_that_vanish_are_not_on_later_pages_nor_in_new_answers(client, images, fate):
    whole = ids_of(client.search(picture(0), limit=30))
    first = client.search(picture(0), limit=6).json()
    gone = whole[8]
    vanish = {
        "deleted": lambda: client.delete(f"/v1/images/{gone}"),
        "private": lambda: client.patch(f"/v1/images/{gone}", json={"visibility": "private"}),
        "blocked": lambda: client.patch(f"/v1/images/{gone}", json={"visibility": "blocked"}),
    }
    assert vanish[fate]().is_success
    second = client.post("/v1/search", json={"cursor": first["next_cursor"]})
    assert ids_of(second) == [image_id for image_id in whole[6:12] if image_id != gone]
    assert gone not in ids_of(client.search(picture(0), limit=30))


def test_an_image_uploaded_while_paging_does_not_move_later_pages(client, library, images):
    whole = ids_of(client.search(picture(0), limit=30))
    first = client.search(picture(0), limit=6).json()
    library.add(99)
    assert ids_of(client.post("/v1/search", json={"cursor": first["next_cursor"]})) == whole[6:12]


@given(st.data())
def test_a_cursor_comes_back_as_it_was_and_a_changed_one_is_refused(data):
    cursor = Cursor(
        query_id=data.draw(st.text("0123456789abcdef", min_size=1, max_size=40)),
        offset=data.draw(st.integers(0, 9_999_999)),
        limit=data.draw(st.integers(1, 200)),
    )
    text = cursor.text()
    assert Cursor.of(text) == cursor
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters(min_codepoint=1, max_codepoint=500)) + text[place + 1 :]
    with contextlib.suppress(CursorRefused):
        assert Cursor.of(changed) == cursor


@given(st.text(max_size=60))
def test_text_that_is_no_cursor_is_refused_and_nothing_worse(text):
    with pytest.raises(CursorRefused):
        Cursor.of(text)


def test_tampered_and_expired_cursors_are_told_apart(client, images, problem):
    cursor = client.search(picture(0), limit=5).json()["next_cursor"]
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    tampered = base64.urlsafe_b64encode(content.replace(b":5:", b":6:", 1)).decode().rstrip("=")
    problem(client.post("/v1/search", json={"cursor": tampered}), 400, "cursor-refused")
    unknown = Cursor(query_id="0" * 32, offset=5, limit=5).text()
    problem(client.post("/v1/search", json={"cursor": unknown}), 410, "cursor-refused")


def test_unknown_deleted_and_private_images_cannot_be_searched_with(client, library, images, problem):
    hidden = library.add(50, visibility=Visibility.PRIVATE)
    library.catalog.images.delete(images[1])
    for image_id in ("0" * 32, "nonsense", "", images[1], hidden, "\x00", "../../etc/passwd"):
        problem(client.post("/v1/search", json={"image_id": image_id}), 404, "unknown-image")


def test_the_size_of_a_hidden_image_is_not_told(client, library, images, problem):
    hidden = library.add(50, visibility=Visibility.PRIVATE)
    crop = {"x": 0, "y": 0, "width": 5000, "height": 5000, "unit": "pixel"}
    told = problem(client.post("/v1/search", json={"image_id": hidden, "crop": crop}), 404, "unknown-image").detail
    unknown = problem(client.post("/v1/search", json={"image_id": "0" * 32, "crop": crop}), 404, "unknown-image").detail
    assert told.replace(hidden, "ID") == unknown.replace("0" * 32, "ID")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"image_id": "a", "cursor": "b"}, "body"),
        ({"cursor": "b", "include_self": True}, "body"),
        ({"image_id": "a", "limit": 0}, "limit"),
        ({"image_id": "a", "limit": 201}, "limit"),
        ({"image_id": "a", "limit": "5"}, "limit"),
        ({"image_id": 5}, "image_id"),
        ({"image_id": "a", "crop": [0, 0, 1, 1]}, "crop"),
        ({"image_id": "a", "crop": {"x": 0}}, "crop.y"),
        ({"image_id": "a", "crop": {"x": 0, "y": 0, "width": 1, "height": 1, "unit": "inch"}}, "crop.unit"),
        ({"image_id": "a", "user": "b"}, "user"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
def test_values_that_are_not_acceptable_are_named_by_field(client, problem, body, field):
    headers = {"content-type": "application/json"}
    told = problem(client.post("/v1/search", content=json.dumps(body), headers=headers), 422, "invalid-request")
    assert field in [error["field"] for error in told.errors]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_other_media_types_are_not_taken(client, problem, kind):
    headers = {} if kind is None else {"content-type": kind}
    response = client.post("/v1/search", content=b"x=1", headers=headers)
    problem(response, 415, "unsupported-media-type")
    assert "application/json" in response.headers["accept"]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"plain text, not a picture", 415, "not-an-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, None),
        (picture(0)[:400], 422, "truncated"),
    ],
)
def test_what_is_no_acceptable_picture_is_refused_with_its_reason(client, images, problem, content, status, reason):
    told = problem(client.search(content), status, "image-refused")
    assert reason in (None, told.reason)
    assert "query.jpg" in told.detail


def test_limits_on_pixels_are_refused(client, problem, images):
    told = problem(client.search(huge_header_png_bytes()), 422, "image-refused")
    assert told.reason in ("too-many-pixels", "side-too-long")


def test_pictures_are_read_by_content_not_by_name_or_declared_type(client, images):
    files = {"image": ("report.pdf", png_bytes(photo(seed=2)), "application/pdf")}
    assert ids_of(client.post("/v1/search", files=files))[0] == images[2]


def test_file_names_cannot_break_lines_or_name_folders(client, images, problem):
    files = {"image": ("C:\\secret\\a\r\nb.jpg", b"no picture", "image/jpeg")}
    detail = problem(client.post("/v1/search", files=files), 415, "image-refused").detail
    assert "secret" not in detail
    assert "\n" not in detail


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit": "many"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"crop_unit": "inch"}, "crop_unit"),
        ({"include_self": "perhaps"}, "include_self"),
        ({"colour": "red"}, "colour"),
        ({"image": "text"}, "image"),
        ({"crop": "1" * 300}, "crop"),
    ],
)
def test_form_fields_are_checked(client, problem, fields, field):
    told = problem(client.search(picture(0), **fields), 422, "invalid-request")
    assert [error["field"] for error in told.errors] == [field]


def test_a_form_needs_one_picture(client, problem):
    problem(client.post("/v1/search", files={"photo": ("a.jpg", picture(0))}), 422, "invalid-request")
    problem(client.post("/v1/search", files={"limit": (None, "3")}), 422, "invalid-request")
    two = [("image", ("a.jpg", picture(0))), ("image", ("b.jpg", picture(1)))]
    problem(client.post("/v1/search", files=two), 422, "invalid-request")


def test_the_same_question_has_the_same_answer(client, images):
    answers = [client.search(picture(4)).json() for _ in range(3)]
    assert answers[0]["hits"] == answers[1]["hits"] == answers[2]["hits"]
    assert len({answer["generation"] for answer in answers}) == 1
    assert len({answer["query_id"] for answer in answers}) == 3


def test_near_duplicates_stand_behind_their_best(client, library, images):
    copy, _ = library.indexer.add_upload(jpeg_bytes(photo(seed=3), quality=60), name="copy.jpg")
    hits = client.search(picture(3)).json()["hits"]
    assert hits[0]["image"]["id"] == images[3]
    assert hits[0]["duplicates"] == [copy.id]
    assert copy.id not in [hit["image"]["id"] for hit in hits]
    library.catalog.images.update(copy.id, visibility=Visibility.PRIVATE)
    assert client.search(picture(3)).json()["hits"][0]["duplicates"] == []


def test_only_what_looks_the_same_is_called_a_duplicate(client, library, images):
    hits = client.search(picture(3)).json()["hits"]
    assert [hit["image"]["id"] for hit in hits if hit["match"] == "duplicate"] == [images[3]]
    assert {hit["match"] for hit in hits} <= {"duplicate", "very-close", "close", "loose", "none"}


def test_an_empty_library_says_what_to_do(client, problem):
    assert "lookalike index" in problem(client.search(picture(0)), 503, "library-missing").detail


def test_names_that_are_not_text_do_not_break_answers(client, library):
    folder = library.folder / "pictures"
    folder.mkdir()
    (folder / b"caf\xe9\n.jpg".decode("utf-8", "surrogateescape")).write_bytes(picture(7))
    library.indexer.index([folder])
    record = client.search(picture(7)).json()["hits"][0]["image"]
    assert record["source_name"] == "caf\ufffd\n.jpg"
    content = client.get(record["content_url"])
    assert content.status_code == 200
    assert "\n" not in content.headers["content-disposition"]
    assert json.dumps(record)
