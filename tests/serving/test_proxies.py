import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import CallerError
from lookalike.serving import create_app
from lookalike.serving.proxies import TrustedProxies, root_path_of
from pictures import jpeg_bytes, photo

FROM_A_PROXY = {"host": "localhost", "x-forwarded-prefix": "/photos"}


@pytest.mark.parametrize("text", ["/photos", "photos", "/photos/", " /photos ", "/%70hotos"])
def test_a_root_path_is_taken_as_people_write_it(text):
    assert root_path_of(text) == "/photos"


@pytest.mark.parametrize("text", ["", "/", " ", "//"])
def test_no_root_path_is_the_top(text):
    assert root_path_of(text) == ""


@pytest.mark.parametrize("text", ["https://host/photos", "/a/../b", "/a?b", "/a#b", "/a//b", "/a\nb", "/" + "a" * 300])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(CallerError, match="root_path"):
        root_path_of(text)


@given(st.text(max_size=60))
def test_a_root_path_never_leaves_its_host(text):
    try:
        root = root_path_of(text)
    except CallerError:
        return
    assert httpx.URL("http://host").join(httpx.URL(path=f"{root}/v1")).host == "host"
    assert not root.startswith("//")


@pytest.mark.parametrize("root_path", ["/photos", "photos/", "/of%20us/and%20ours"])
@pytest.mark.parametrize("taken_off", [True, False])
def test_addresses_lie_below_the_root_path(client_of, images, root_path, taken_off):
    client = client_of(root_path=root_path)
    root = "/" + root_path.strip("/")
    before = "" if taken_off else root
    upload = client.post(f"{before}/v1/images", files={"image": ("a.jpg", jpeg_bytes(photo(seed=70)))})
    record = upload.json()
    assert upload.headers["location"] == f"{root}/v1/images/{record['id']}"
    assert record["content_url"] == f"{root}/v1/images/{record['id']}/content"
    hits = client.post(f"{before}/v1/search", json={"image_id": record["id"]}).json()["hits"]
    listed = client.get(f"{before}/v1/images").json()["images"]
    assert all(image["content_url"].startswith(f"{root}/v1/") for image in [*listed, *(hit["image"] for hit in hits)])
    assert client.get(f"{before}/openapi.json").json()["servers"] == [{"url": root}]
    assert f'<base href="{root}/">' in client.get(f"{before}/").text
    assert client.get(f"{before}/page/app.js").status_code == 200
    assert client.get(f"{before}/v1/nothing").json()["instance"] == root.replace("%20", " ") + "/v1/nothing"


def test_the_page_is_asked_for_with_a_slash(client_of):
    response = client_of(root_path="/photos").get("/photos?image=1")
    assert (response.status_code, response.headers["location"]) == (307, "/photos/?image=1")


def test_a_longer_word_is_not_the_root_path(client_of):
    assert client_of(root_path="/photos").get("/photosphere").status_code == 404


def test_only_trusted_proxies_name_a_prefix(client_of, images):
    trusting, other = client_of(trusted_proxies=("127.0.0.0/8",)), client_of(trusted_proxies=("10.0.0.7",))
    url = f"/v1/images/{images[0]}"
    assert trusting.get(url, headers=FROM_A_PROXY).json()["content_url"] == f"/photos{url}/content"
    assert trusting.get(url).json()["content_url"] == f"{url}/content"
    for client in (other, client_of()):
        assert client.get(url, headers=FROM_A_PROXY).json()["content_url"] == f"{url}/content"


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example/", "/\\evil", "/a\x7fb", "/a" * 200, "\xff\xfe"]
)
def test_a_prefix_that_is_no_path_is_not_followed(client_of, images, prefix):
    headers = {"x-forwarded-prefix": prefix.encode("latin-1")}
    record = client_of(trusted_proxies=("*",)).get(f"/v1/images/{images[0]}", headers=headers).json()
    assert "evil" not in record["content_url"] or record["content_url"].startswith("/evil")


def test_the_setting_wins_over_the_proxy(client_of, images):
    client = client_of(trusted_proxies=("*",), root_path="/mine")
    assert client.get("/v1/images", headers=FROM_A_PROXY).json()["images"][0]["content_url"].startswith("/mine/v1/")


def test_a_forwarded_name_is_ours_only_when_it_is_allowed(client_of, problem, images):
    client = client_of(trusted_proxies=("127.0.0.1",), allowed_hosts=("photos.example",))
    asked = {"json": {"image_id": images[0]}}
    ours = {"x-forwarded-host": "photos.example", "origin": "https://photos.example:8443"}
    assert (
        client.post("/v1/search", headers=ours | {"x-forwarded-host": "photos.example:8443"}, **asked).status_code
        == 200
    )
    other = {"x-forwarded-host": "evil.example", "origin": "https://evil.example"}
    problem(client.post("/v1/search", headers=other, **asked), 421, "host-refused")
    rebound = {"host": "evil.example", "x-forwarded-host": "photos.example"}
    problem(client.get("/v1/images", headers=rebound), 421, "host-refused")


@pytest.mark.parametrize(
    ("listed", "peer", "trusted"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("fd00::/8", "fd00::1", True),
        ("::1", "127.0.0.1", False),
        ("unix", "", True),
        ("127.0.0.1", "", False),
        ("*", "", True),
        ("*", "anything", True),
        ("10.0.0.7", "testclient", False),
    ],
)
def test_who_is_trusted(listed, peer, trusted):
    assert TrustedProxies((listed,)).includes(peer) is trusted


@pytest.mark.parametrize("listed", ["nginx", "10.0.0.0/99", "10.0.0"])
def test_what_is_no_address_is_refused_at_the_start(library, listed):
    with pytest.raises(CallerError, match="trusted_proxies"):
        create_app(library.services, library.settings(trusted_proxies=(listed,)))


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ([], "10.0.0.1"),
        (["192.0.2.7"], "192.0.2.7"),
        (["1.1.1.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),  # what the client wrote itself is not believed
        (["1.1.1.1", "192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (["192.0.2.7, unknown"], "10.0.0.1"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ],
)
def test_the_client_is_the_nearest_that_no_proxy_is(forwarded_for, client):
    assert TrustedProxies(("10.0.0.0/8",)).client_of(forwarded_for, "10.0.0.1") == client
