"""The page signs in with a key."""

import pytest

from lookalike.catalog import KeyWish, Scope
from lookalike.serving.access import keyring
from lookalike.serving.access.check import COOKIE
from serving.asking import picture

PAGE = {"sec-fetch-site": "same-origin", "origin": "http://localhost:8420"}


@pytest.fixture
def key(library, images, monkeypatch):
    monkeypatch.setattr(keyring, "SECONDS", 0.0)
    wish = KeyWish(name="page", scopes=frozenset({Scope.SEARCH, Scope.WRITE}))
    return library.catalog.keys.create(wish)[0]


def test_signing_in_sets_a_cookie_that_no_script_and_no_other_site_can_use(client, key):
    assert client.get("/v1/session").json() == {"keys_needed": True, "scopes": []}
    answer = client.post("/v1/session", json={"key": key}, headers=PAGE)
    assert answer.json() == {"keys_needed": True, "scopes": ["search", "write"]}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={key}")
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie  # over plain HTTP a browser would drop it
    carried = {"cookie": f"{COOKIE}={key}", **PAGE}
    assert client.get("/v1/images", headers=carried).status_code == 200
    assert client.post("/v1/images", files={"image": picture(80)}, headers=carried).status_code == 201


def test_over_https_the_cookie_never_goes_over_http(client_of, key):
    client = client_of(trusted_proxies=("*",), allowed_hosts=("photos.example",), root_path="/photos")
    headers = {"host": "photos.example", "x-forwarded-proto": "https", "origin": "https://photos.example"}
    cookie = client.post("/v1/session", json={"key": key}, headers=headers).headers["set-cookie"]
    assert "; Secure" in cookie
    assert "Path=/photos" in cookie


def test_a_cookie_alone_changes_nothing_unless_the_browser_says_which_page_asks(client, key, images, problem):
    silent = {"cookie": f"{COOKIE}={key}"}
    assert client.get("/v1/images", headers=silent).status_code == 200
    problem(client.delete(f"/v1/images/{images[0]}", headers=silent), 401, "key-required")
    foreign = {**silent, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    problem(client.delete(f"/v1/images/{images[0]}", headers=foreign), 403, "cross-site-request")
    problem(client.post("/v1/session", json={"key": key}, headers=foreign), 403, "cross-site-request")
    assert client.delete(f"/v1/images/{images[0]}", headers={**silent, **PAGE}).status_code == 204


def test_a_wrong_key_signs_nobody_in(client, key, problem):
    answer = client.post("/v1/session", json={"key": key[:-1] + "!"}, headers=PAGE)
    problem(answer, 401, "unauthorized")
    assert "set-cookie" not in answer.headers


def test_signing_out_forgets_the_cookie(client, key):
    answer = client.delete("/v1/session", headers=PAGE)
    assert answer.status_code == 204
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_server_without_keys_says_so(client):
    assert client.get("/v1/session").json() == {"keys_needed": False, "scopes": []}
