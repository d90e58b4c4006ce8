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
    again = page.get(address, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == PAGE_POLICY  # a browser obeys the latest one


def test_state_in_the_query_is_the_page_itself(page):
    assert page.get("/?image=0123&crop=0.1,0.2,0.3,0.4").text == "<!doctype html>"


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
