"""`verify` over HTTP."""

import pytest

from keypoints.scenes import pasted, scene
from lookalike.keypoints import RECIPE, STORED
from lookalike.preprocessing import picture_keypoints
from pictures import png_bytes

THING = scene(1, size=(300, 200))


@pytest.fixture
def shown(library):
    """The id of an image that has the thing in it, among others."""
    made = [pasted(THING, scene(10, size=(600, 400)), at=(200, 150), size=(270, 180)), scene(11), scene(12)]
    ids = [library.indexer.add_upload(png_bytes(picture), name="x")[0].id for picture in made]
    points = {one: picture_keypoints(library.catalog.images.content(one), STORED, name=one).packed for one in ids}
    library.catalog.keypoints.add(RECIPE, points)
    return ids[0]


def test_a_form_and_json_can_ask_for_verified_hits(client, shown):
    form = client.post("/v1/search", files={"image": ("x.png", png_bytes(THING))}, data={"verify": "true"}).json()
    hit = form["hits"][0]
    assert hit["image"]["id"] == shown
    assert hit["same_thing"]["inliers"] >= 10
    assert all(0 <= value <= 1 for corner in hit["same_thing"]["outline"] for value in corner)
    by_id = client.post("/v1/search", json={"image_id": shown, "verify": True, "include_self": True}).json()
    assert by_id["hits"][0]["same_thing"]["inliers"] > hit["same_thing"]["inliers"] / 2


def test_without_it_nothing_is_verified(client, shown):
    hits = client.post("/v1/search", files={"image": ("x.png", png_bytes(THING))}).json()["hits"]
    assert {hit["same_thing"] is None for hit in hits} == {True}


def test_a_cursor_takes_no_verify(client, shown):
    answer = client.post("/v1/search", json={"image_id": shown, "limit": 1}).json()
    refused = client.post("/v1/search", json={"cursor": answer["next_cursor"], "verify": True})
    assert refused.status_code == 422
