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
    assert client.get("/v1/images", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5",
        "[::2]", "10.0.0.1:8420", "localhost:80:80", "127.0.0.1@evil.example", "[::1", "8.8.8.8",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_names_are_not(client, problem, host, method):
    response = client.request(method, "/v1/search" if method == "POST" else "/", headers={"host": host})
    problem(response, 421, "host-refused")


def test_names_can_be_allowed(client_of, problem):
    client = client_of(allowed_hosts=("Shop.example",))
    assert client.get("/v1/images", headers={"host": "shop.example:443"}).status_code == 200
    problem(client.get("/v1/images", headers={"host": "other.example"}), 421, "host-refused")
    assert client_of(allowed_hosts=("*",)).get("/v1/images", headers={"host": "any.example"}).status_code == 200


def test_a_server_bound_to_every_address_is_called_by_any_address_but_no_name(client_of, problem):
    client = client_of(host="0.0.0.0")  # noqa: S104
    for host in ("192.168.1.5:8420", "[fe80::1]:8420", "localhost"):
        assert client.get("/v1/images", headers={"host": host}).status_code == 200
    problem(client.get("/v1/images", headers={"host": "evil.example"}), 421, "host-refused")


def test_the_bound_address_is_ours(client_of, problem):
    client = client_of(host="192.168.1.5")
    assert client.get("/v1/images", headers={"host": "192.168.1.5:8420"}).status_code == 200
    problem(client.get("/v1/images", headers={"host": "192.168.1.6:8420"}), 421, "host-refused")


@given(st.text(max_size=50))
def test_no_host_breaks_the_check(host):
    names = HostNames("127.0.0.1", ("photos.example", "*.example.org"))
    names.allows(host)
    names.own_origin(f"https://{host}", vouched=True)
    names.own_origin(f"https://{host}", vouched=False)


@pytest.mark.parametrize(
    "listed",
    ["photos.example.", "PHOTOS.example", "photos.example:8443", "https://photos.example/", "*.example", "*"],
)
def test_names_may_be_listed_as_people_write_them(listed):
    assert HostNames("127.0.0.1", (listed,)).allows("photos.example:8443")


def test_names_may_be_listed_in_any_script():
    assert HostNames("127.0.0.1", ("bücher.example",)).allows("xn--bcher-kva.example")


def test_an_address_in_the_other_notation_is_ours(client):
    assert client.get("/v1/images", headers={"host": "[::ffff:127.0.0.1]:8420"}).status_code == 200


def test_the_refusal_names_the_setting(client, problem):
    told = problem(client.get("/", headers={"host": "photos.example:8420"}), 421, "host-refused")
    assert "LOOKALIKE_ALLOWED_HOSTS=photos.example:8420" in told.detail


@pytest.mark.parametrize("url", ["/", "/v1/images", "/healthz", "/metrics"])
def test_probes_without_a_host_are_answered(client_of, url):
    client = client_of()
    assert client.get(url, headers={"host": ""}).status_code == 200
    assert client.request("HEAD", url, headers={"host": ""}).content == b""


def test_a_probe_may_call_us_by_any_name(client):
    assert client.get("/healthz", headers={"host": "lookalike:8420"}).status_code == 200


BEHIND_A_PROXY = {"host": "127.0.0.1:8420", "origin": "https://photos.example"}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "https://photos.example:8443"},
        {"sec-fetch-site": "same-origin", "origin": "https://photos.example:8443", "host": "photos.example"},
        {},  # browsers leave Sec-Fetch-Site out where the page came by plain http
        {"origin": "http://photos.example"},
    ],
)
def test_a_proxy_may_hide_the_name_we_were_called_by(client_of, images, headers):
    client = client_of(allowed_hosts=("photos.example",))
    response = client.post("/v1/search", json={"image_id": images[0]}, headers=BEHIND_A_PROXY | headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://photos.example:8443"},  # another service on the same machine, for all we know
        {"origin": "https://evil.example"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
    ],
)
def test_behind_a_proxy_other_pages_stay_out(client_of, problem, images, headers):
    client = client_of(allowed_hosts=("photos.example",))
    response = client.post("/v1/search", json={"image_id": images[0]}, headers=BEHIND_A_PROXY | headers)
    problem(response, 403, "cross-site-request")


def test_the_refusal_of_a_hidden_name_says_what_to_set(client, problem, images):
    headers = BEHIND_A_PROXY | {"sec-fetch-site": "same-origin"}
    told = problem(client.post("/v1/search", json={"image_id": images[0]}, headers=headers), 403, "cross-site-request")
    assert "LOOKALIKE_ALLOWED_HOSTS=photos.example" in told.detail


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
    assert client.get("/v1/images", headers={"host": "evil.example"}).headers["x-content-type-options"] == "nosniff"


def test_the_pages_policy_allows_nothing_inline():
    assert "unsafe" not in PAGE_POLICY
    assert "default-src 'none'" in PAGE_POLICY
    assert "frame-ancestors 'none'" in PAGE_POLICY
