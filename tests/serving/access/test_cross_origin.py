import pytest

from lookalike.errors import CallerError
from lookalike.serving.services import _origins

SHOP = {"origin": "https://shop.example"}
PREFLIGHT = {
    **SHOP,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.fixture
def client(client_of):
    return client_of(allowed_origins=("https://shop.example",))


def test_a_named_site_may_ask_and_read(client, images):
    asked = client.request("OPTIONS", "/v1/search", headers=PREFLIGHT)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://shop.example"
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    found = client.post("/v1/search", json={"image_id": images[0]}, headers=SHOP)
    assert found.status_code == 200
    assert found.headers["access-control-allow-origin"] == "https://shop.example"
    assert "origin" in found.headers["vary"].lower()
    assert "access-control-allow-credentials" not in found.headers  # never with our page's cookie


@pytest.mark.parametrize("origin", ["https://shop.example.evil", "http://shop.example", "null", "https://evil.example"])
def test_no_other_site_may(client, images, origin):
    asked = client.request("OPTIONS", "/v1/search", headers={**PREFLIGHT, "origin": origin})
    read = client.get("/v1/images", headers={"origin": origin})
    for answer in (asked, read):
        assert "access-control-allow-origin" not in answer.headers
    assert client.post("/v1/search", json={"image_id": images[0]}, headers={"origin": origin}).status_code == 403


def test_without_the_setting_nobody_is_named(client_of, images):
    assert "access-control-allow-origin" not in client_of().get("/v1/images", headers=SHOP).headers


def test_sites_are_named_as_browsers_send_them():
    assert _origins("https://Shop.example/, http://localhost:3000") == ("https://shop.example", "http://localhost:3000")
    assert _origins("") == ()


@pytest.mark.parametrize("text", ["shop.example", "https://shop.example/path", "ftp://shop.example", "*", "https://"])
def test_what_is_no_site_is_refused(text):
    with pytest.raises(CallerError, match="allowed_origins"):
        _origins(text)
