import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.serving.origin import PAGE_POLICY, HostNames
from pictures import jpeg_bytes, photo


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8420",
        "LOCALHOST",
        "127.0.0.1:8420",
        "127.1.2.3",
        "[::1]:8420",
        "[::1]",
        "shop.localhost:1",
    ],
)
def test_loopback_names_are_ours(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5", "",
        "[::2]", "10.0.0.1:8420", "localhost:80:80", "127.0.0.1@evil.example", "[::1", "8.8.8.8",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_names_are_not(client, problem, host, method):
    response = client.request(method, "/v1/search" if method == "POST" else "/", headers={"host": host})
    problem(response, 421, "host-refused")


def test_names_can_be_allowed(client_of, problem):
    client = client_of(allowed_hosts=("Shop.example",))
    assert client.get("/healthz", headers={"host": "shop.example:443"}).status_code == 200
    problem(client.get("/healthz", headers={"host": "other.example"}), 421, "host-refused")
    assert client_of(allowed_hosts=("*",)).get("/healthz", headers={"host": "any.example"}).status_code == 200


def test_a_server_bound_to_every_address_is_called_by_any_address_but_no_name(client_of, problem):
    client = client_of(host="0.0.0.0")  # noqa: S104
    for host in ("192.168.1.5:8420", "[fe80::1]:8420", "localhost"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200
    problem(client.get("/healthz", headers={"host": "evil.example"}), 421, "host-refused")


def test_the_bound_address_is_ours(client_of, problem):
    client = client_of(host="192.168.1.5")
    assert client.get("/healthz", headers={"host": "192.168.1.5:8420"}).status_code == 200
    problem(client.get("/healthz", headers={"host": "192.168.1.6:8420"}), 421, "host-refused")


@given(st.text(max_size=50))
def test_no_host_breaks_the_check(host):
    HostNames("127.0.0.1", ()).allows(host)


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:3000"},
    {"origin": "http://localhost.evil.example:8420"},
    {"origin": "file://"},
    {"origin": "http://[::1"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://localhost:8420"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_pages_of_other_sites_cannot_change_search_or_report(client, library, images, problem, headers):
    url = f"/v1/images/{images[0]}"
    files = {"image": ("a.jpg", jpeg_bytes(photo(seed=40)))}
    for response in (
        client.post("/v1/images", files=files, headers=headers),
        client.post("/v1/search", files=files, headers=headers),
        client.post("/v1/events", content="{}", headers={"content-type": "text/plain", **headers}),
        client.patch(url, json={"visibility": "blocked"}, headers=headers),
        client.delete(url, headers=headers),
    ):
        problem(response, 403, "cross-site-request")
    assert library.catalog.counts().public == 12


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8420"},
        {"origin": "http://LOCALHOST:8420", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_our_page_and_programs_can(client, images, headers):
    response = client.post("/v1/search", json={"image_id": images[0]}, headers=headers)
    assert response.status_code == 200


def test_usual_ports_go_without_saying(client_of, images):
    client = client_of(base_url="https://localhost")
    headers = {"origin": "https://localhost:443", "host": "localhost"}
    assert client.post("/v1/search", json={"image_id": images[0]}, headers=headers).status_code == 200


def test_other_sites_can_be_allowed(client_of, images):
    client = client_of(allowed_origins=("https://shop.example",))
    headers = {"origin": "https://shop.example", "sec-fetch-site": "cross-site"}
    assert client.post("/v1/search", json={"image_id": images[0]}, headers=headers).status_code == 200


def test_every_answer_carries_the_headers_that_protect(client, images):
    for url in (
        "/healthz",
        "/nothing",
        f"/v1/images/{images[0]}/content",
        "/v1/images?limit=0",
        "/metrics",
        "/openapi.json",
    ):
        headers = client.get(url).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    assert client.get("/healthz", headers={"host": "evil.example"}).headers["x-content-type-options"] == "nosniff"


def test_the_pages_policy_allows_nothing_inline():
    assert "unsafe" not in PAGE_POLICY
    assert "default-src 'none'" in PAGE_POLICY
    assert "frame-ancestors 'none'" in PAGE_POLICY
