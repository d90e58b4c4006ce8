import pytest

from lookalike.types import Visibility
from serving.asking import TOKEN, picture, upload


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic Y29ycmVjdCBob3JzZQ=="},
        {"authorization": "Bearer"},
    ],
)
def test_changes_need_the_token_where_one_is_set(guarded, library, images, problem, headers):
    url = f"/v1/images/{images[0]}"
    answers = [
        upload(guarded, picture(90), headers=headers),
        guarded.patch(url, json={"visibility": "private"}, headers=headers),
        guarded.delete(url, headers=headers),
    ]
    for response in answers:
        problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert library.catalog.counts().public == 12


def test_the_token_allows_changes(guarded, images):
    assert upload(guarded, picture(90), headers=TOKEN).status_code == 201
    url = f"/v1/images/{images[0]}"
    assert guarded.patch(url, json={"visibility": "private"}, headers=TOKEN).status_code == 200
    assert guarded.delete(url, headers=TOKEN).status_code == 204


def test_searching_and_looking_need_no_token(guarded, images):
    assert guarded.search(picture(0)).status_code == 200
    assert guarded.get("/v1/images").status_code == 200
    assert guarded.get(f"/v1/images/{images[0]}/content").status_code == 200


def test_the_token_shows_what_is_hidden(guarded, library, images, problem):
    hidden = library.add(60, visibility=Visibility.PRIVATE)
    url = f"/v1/images/{hidden}"
    for address in (url, f"{url}/content", f"{url}/content?size=64"):
        problem(guarded.get(address), 404, "unknown-image")
        assert guarded.get(address, headers=TOKEN).status_code == 200
        problem(guarded.get(address), 404, "unknown-image")
    problem(guarded.get("/v1/images?visibility=private"), 401, "unauthorized")
    page = guarded.get("/v1/images?visibility=private", headers=TOKEN).json()
    assert [record["id"] for record in page["images"]] == [hidden]
    assert page["total"] == 1


def test_the_token_does_not_put_hidden_images_into_results(guarded, library, images):
    hidden = library.add(60, visibility=Visibility.PRIVATE)
    response = guarded.post("/v1/search", files={"image": ("q.jpg", picture(60))}, data={"limit": 50}, headers=TOKEN)
    assert hidden not in [hit["image"]["id"] for hit in response.json()["hits"]]


def test_without_a_token_nobody_lists_what_is_hidden(client, problem):
    problem(client.get("/v1/images?visibility=private"), 403, "forbidden")
    problem(client.get("/v1/images?visibility=blocked", headers=TOKEN), 403, "forbidden")
