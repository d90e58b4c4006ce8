"""A server whose library has keys."""

import json

import pytest

from lookalike.catalog import KeyWish, Scope
from lookalike.serving.access import keyring
from lookalike.types import Visibility
from serving.asking import TOKEN, picture, upload


@pytest.fixture
def keys(library, images, monkeypatch):
    """The texts of keys, by their scope."""
    monkeypatch.setattr(keyring, "SECONDS", 0.0)
    return {scope: new_key(library, scope) for scope in Scope}


def new_key(library, *scopes, **limits):
    return library.catalog.keys.create(KeyWish(name="a", scopes=frozenset(scopes), **limits))[0]


def bearing(text):
    return {"authorization": f"Bearer {text}"}


def test_without_a_key_only_the_page_and_probes_are_answered(keys, client, images, problem):
    for url in ("/v1/images", f"/v1/images/{images[0]}", f"/v1/images/{images[0]}/content", "/metrics", "/v1/nothing"):
        answer = client.get(url)
        problem(answer, 401, "key-required")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert images[0] not in answer.text.replace(url, "")
    problem(client.search(picture(0)), 401, "key-required")
    problem(client.post("/v1/events", json={"events": []}), 401, "key-required")
    for url in ("/", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (Scope.SEARCH, {"look", "search"}),
        (Scope.WRITE, {"change"}),
        (Scope.EVENTS, {"send"}),
        (Scope.ADMIN, {"look", "search", "change", "send", "measure", "see hidden"}),
    ],
)
def test_a_key_may_do_what_its_scope_says(keys, client, library, images, scope, may):
    headers = bearing(keys[scope])
    query = client.post("/v1/search", json={"image_id": images[0]}, headers=bearing(keys[Scope.ADMIN])).json()
    event = {"event_id": "e", "query_id": query["query_id"], "image_id": images[1], "position": 1, "kind": "click"}
    answers = {
        "look": client.get(f"/v1/images/{images[0]}", headers=headers),
        "search": client.post("/v1/search", json={"image_id": images[0]}, headers=headers),
        "change": client.patch(f"/v1/images/{images[2]}", json={"tags": ["a"]}, headers=headers),
        "send": client.post("/v1/events", json={"events": [event]}, headers=headers),
        "measure": client.get("/metrics", headers=headers),
        "see hidden": client.get("/v1/images?visibility=private", headers=headers),
    }
    assert {what for what, answer in answers.items() if answer.status_code == 200} == may
    assert {answer.status_code for what, answer in answers.items() if what not in may} <= {403}


def test_a_key_that_was_revoked_is_refused(keys, client, library, problem):
    headers = bearing(keys[Scope.SEARCH])
    assert client.get("/v1/images", headers=headers).status_code == 200
    library.catalog.keys.revoke(keys[Scope.SEARCH][3:11])
    answer = client.get("/v1/images", headers=headers)
    problem(answer, 401, "key-required")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_when_all_keys_are_revoked_the_server_stays_closed(client, library, images, monkeypatch, problem):
    monkeypatch.setattr(keyring, "SECONDS", 0.0)
    text = new_key(library, Scope.SEARCH)
    library.catalog.keys.revoke(text[3:11])
    problem(client.get("/v1/images"), 401, "key-required")


def test_the_admin_token_goes_on_opening_everything(keys, guarded, library):
    hidden = library.add(60, visibility=Visibility.PRIVATE)
    assert guarded.get(f"/v1/images/{hidden}", headers=TOKEN).status_code == 200
    assert guarded.delete(f"/v1/images/{hidden}", headers=TOKEN).status_code == 204
    assert guarded.get("/v1/images").status_code == 401


def test_a_key_that_acts_for_an_owner_changes_only_what_is_theirs(keys, client, library, images, problem):
    text = new_key(library, Scope.SEARCH, Scope.WRITE, owner_id="ann")
    headers = bearing(text)
    mine = client.post("/v1/images", files={"image": picture(70)}, data={"owner_id": "bob"}, headers=headers).json()
    assert mine["owner_id"] == "ann"
    problem(client.patch(f"/v1/images/{images[0]}", json={"tags": ["a"]}, headers=headers), 403, "forbidden")
    problem(client.delete(f"/v1/images/{images[0]}", headers=headers), 403, "forbidden")
    problem(client.patch("/v1/collections/a", json={"add": images[:1]}, headers=headers), 403, "forbidden")
    library.catalog.images.update(images[1], visibility=Visibility.PRIVATE)
    problem(client.delete(f"/v1/images/{images[1]}", headers=headers), 404, "unknown-image")
    given_away = client.patch(f"/v1/images/{mine['id']}", json={"owner_id": "bob"}, headers=headers)
    problem(given_away, 403, "forbidden")
    assert client.delete(f"/v1/images/{mine['id']}", headers=headers).status_code == 204


def test_a_key_sends_no_more_than_it_may(keys, client, library, problem):
    headers = bearing(new_key(library, Scope.SEARCH, requests_per_minute=3))
    answers = [client.get("/v1/images", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    problem(answers[3], 429, "rate-limited")
    assert int(answers[3].headers["retry-after"]) >= 1
    assert client.get("/v1/images", headers=bearing(keys[Scope.SEARCH])).status_code == 200


def test_changes_are_written_down_with_who_made_them(keys, client, library, images):
    headers = bearing(keys[Scope.WRITE])
    new = upload(client, picture(90), headers=headers).json()["id"]
    client.patch(f"/v1/images/{new}", json={"tags": ["a"]}, headers=headers)
    client.patch("/v1/collections/some", json={"add": [new]}, headers=headers)
    client.delete(f"/v1/images/{new}", headers=headers)
    client.delete(f"/v1/images/{'0' * 32}", headers=headers)
    entries = list(reversed(library.catalog.audit.latest()))
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("image.upload", new),
        ("image.change", new),
        ("collection.change", "some"),
        ("image.delete", new),
    ]
    assert {entry.actor for entry in entries} == {f"key:{keys[Scope.WRITE][3:11]}"}
    assert entries[1].details == '{"tags":["a"]}'


def test_on_an_open_server_anybody_is_written_down(client, library, images):
    client.delete(f"/v1/images/{images[0]}")
    assert [entry.actor for entry in library.catalog.audit.latest()] == ["anybody"]


def test_the_access_log_names_the_key_and_the_query(keys, client_of, images, caplog):
    caplog.set_level("INFO", logger="lookalike.serving.access")
    client = client_of(access_log=True)
    headers = bearing(keys[Scope.SEARCH])
    answer = client.post("/v1/search", json={"image_id": images[0]}, headers=headers).json()
    (line,) = [json.loads(one.getMessage()) for one in caplog.records if one.name == "lookalike.serving.access"]
    assert line["query_id"] == answer["query_id"]
    assert line["actor"] == f"key:{keys[Scope.SEARCH][3:11]}"
    assert keys[Scope.SEARCH] not in str(line)
