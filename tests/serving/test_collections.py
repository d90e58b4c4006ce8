from doubles import picture
from lookalike.types import Visibility


def test_a_collection_is_made_changed_and_searched_in(client, images):
    made = client.patch("/v1/collections/my shoes", json={"add": images[:3]})
    assert (made.status_code, made.json()["images"]) == (200, 3)
    changed = client.patch("/v1/collections/my shoes", json={"add": [images[3]], "remove": [images[0]]})
    assert changed.json()["images"] == 3
    page = client.get("/v1/collections/my shoes", params={"limit": 2}).json()
    rest = client.get("/v1/collections/my shoes", params={"cursor": page["next_cursor"]}).json()
    assert [one["id"] for one in page["images"] + rest["images"]] == sorted(images[1:4])
    found = client.post(
        "/v1/search", json={"image_id": images[5], "filters": {"collection": "my shoes"}, "facets": True}
    ).json()
    assert {hit["image"]["id"] for hit in found["hits"]} == set(images[1:4])
    assert found["facets"]["collections"] == {"my shoes": 3}
    assert client.delete("/v1/collections/my shoes").status_code == 204
    assert client.get("/v1/collections").json() == {"collections": []}
    assert client.get("/v1/collections/my shoes").status_code == 400


def test_hidden_images_are_neither_counted_nor_named_nor_taken(client, library, images):
    client.patch("/v1/collections/some", json={"add": images[:2]})
    library.catalog.images.update(images[0], visibility=Visibility.PRIVATE)
    assert [one["images"] for one in client.get("/v1/collections").json()["collections"]] == [1]
    assert [one["id"] for one in client.get("/v1/collections/some").json()["images"]] == images[1:2]
    hidden = client.patch("/v1/collections/some", json={"add": [images[0]]})
    never = client.patch("/v1/collections/some", json={"add": ["0" * 32]})
    assert hidden.status_code == never.status_code == 404
    assert hidden.json()["detail"].replace(images[0], "") == never.json()["detail"].replace("0" * 32, "")


def test_forms_filter_by_fields_of_their_own(client, library, images):
    library.catalog.images.update(images[1], tags=("red", "old"))
    library.catalog.images.update(images[2], tags=("red",))
    tagged = client.search(picture(5), all_tags="red", no_tags="old,new").json()
    assert [hit["image"]["id"] for hit in tagged["hits"]] == images[2:3]
    assert client.search(picture(5), min_width=5000).json()["hits"] == []
    assert client.search(picture(5), min_width=0).status_code == 422
    assert client.search(picture(5), colour="red").status_code == 422


def test_a_cursor_takes_no_filter(client, images):
    first = client.post("/v1/search", json={"image_id": images[0], "limit": 2}).json()
    answer = client.post("/v1/search", json={"cursor": first["next_cursor"], "filters": {"owner": "ann"}})
    assert answer.status_code == 422
    contradiction = {"min_width": 9, "max_width": 3}
    assert client.post("/v1/search", json={"image_id": images[0], "filters": contradiction}).status_code == 400
