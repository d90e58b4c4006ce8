import hashlib
import json

import httpx
import pytest

from lookalike.serving import pages
from lookalike.serving.origin import PAGE_POLICY


@pytest.fixture
def page(client_of, tmp_path, monkeypatch):
    """A client of an app whose page is a folder of the test's own, with things beside it that are nobody's."""
    folder = tmp_path / "page"
    (folder / "parts").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("classified")
    for name, content in {
        "index.html": "<!doctype html>",
        "app.js": "export {}",
        "style.css": "body {}",
        "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "parts/crop.js": "export const crop = 1",
        "notes.py": "classified",
    }.items():
        (folder / name).write_text(content)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(pages.PageRoutes.__init__, "__defaults__", (folder,))
    return client_of()


@pytest.mark.parametrize(
    ("address", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/index.html", "text/html; charset=utf-8"),
        ("/page/app.js", "text/javascript; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/parts/crop.js", "text/javascript; charset=utf-8"),
    ],
)
def test_files_have_their_type_their_policy_and_a_tag(page, address, media_type):
    response = page.get(address)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.headers["content-security-policy"] == PAGE_POLICY
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["etag"].startswith('W/"')
    again = page.get(address, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == PAGE_POLICY  # a browser obeys the latest one


def test_state_in_the_query_is_the_page_itself(page):
    assert page.get("/?image=0123&crop=0.1,0.2,0.3,0.4").text == "<!doctype html>"


def test_files_are_sent_packed_to_whoever_takes_that(client):
    plain = client.get("/page/app.js", headers={"accept-encoding": "identity"})
    packed = client.get("/page/app.js", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]


def test_a_bundle_is_used_while_it_is_of_these_files(client_of, tmp_path, monkeypatch):
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "app.js").write_text("export const sum = 1")
    (folder / "index.html").write_text("<html><head></head>modules</html>")
    (folder / "bundle.html").write_text("<html><head></head>bundled</html>")
    (folder / "bundle-0123456789ab.js").write_text("export const s=1")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("app.js", "index.html")}
    (folder / "bundle.json").write_text(json.dumps({"sources": digests}))
    monkeypatch.setattr(pages.PageRoutes.__init__, "__defaults__", (folder,))
    client = client_of()
    assert "bundled" in client.get("/").text
    assert "immutable" in client.get("/page/bundle-0123456789ab.js").headers["cache-control"]
    (folder / "app.js").write_text("export const sum = 2")
    changed = client_of().get("/").text
    assert "modules" in changed
    assert '<link rel="modulepreload" href="page/app.js">' in changed
    assert "bundle-" not in changed


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "parts/../../secret.txt", "link.txt", "notes.py", "",
        "parts", "parts/", "/etc/passwd", "%2fetc%2fpasswd", "app.js%00", "APP.JS", "..\\secret.txt", ".", "app.js/",
        "parts//crop.js",
    ],
)  # fmt: skip
def test_nothing_else_can_be_had(page, path):
    url = httpx.URL("http://localhost:8420/page/").copy_with(raw_path=b"/page/" + path.encode())
    response = page.get(url)
    assert response.status_code == 404
    assert "classified" not in response.text


def test_the_package_has_its_page(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.text.lstrip().lower().startswith("<!doctype html")
    assert "<script>" not in response.text
