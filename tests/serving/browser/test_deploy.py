"""The configurations of `docs/deploy.md`, as they stand there, in a real nginx."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from pictures import jpeg_bytes, noise, photo
from serving.browser.driving import TILES, choose, wait_for_results, wait_until

DOCUMENT = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```nginx\n(.*?)```\n\n```console\n\$ lookalike serve (.*?)\n```", DOCUMENT, re.DOTALL)
BARE = ("server {\n    listen 80;\n    location / { proxy_pass http://127.0.0.1:8420; }\n}\n", BLOCKS[0][1])
KEPT = (BLOCKS[1][0].replace("8420/;", "8420;"), BLOCKS[1][1])
WHOLE = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@pytest.fixture(scope="session")
def nginx():
    """The program."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        reason = "no nginx on the PATH: run scripts/get-nginx"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(params=[*BLOCKS, BARE, KEPT], ids=["own-host", "below-a-path", "plain-proxy-pass", "path-kept"])
def site(request, nginx, server_of, images, tmp_path):
    """The public address of the server behind nginx, which ends with a slash."""
    block, options = request.param
    given = dict(re.findall(r"--(\S+) (\S+)", options))
    server = server_of(allowed_hosts=(given["allowed-hosts"],), root_path=given.get("root-path", ""))
    port = free_port()
    block = block.replace("127.0.0.1:8420", httpx.URL(server.url).netloc.decode())
    block = block.replace("listen 80;", f"listen 127.0.0.1:{port};")
    (tmp_path / "nginx.conf").write_text(WHOLE.format(user=as_now(), folder=tmp_path, server=block))
    command = [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-e", "stderr"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, port)
        with Site(f"http://127.0.0.1:{port}{given.get('root-path', '')}/", given["allowed-hosts"]) as opened:
            yield opened
        process.terminate()


class Site(httpx.Client):
    """Asks as a browser does that was given the public name."""

    def __init__(self, url, name):
        self.url = url
        super().__init__(
            base_url=url,
            timeout=60,
            headers={"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"},
        )

    def follow(self, address):
        """What is at an address that an answer gave, as its client understands it."""
        return self.get(httpx.URL(self.url).join(address))


def as_now():
    """Started by root, nginx would go on as a user that cannot write to the test's folder."""
    return "user root;" if os.geteuid() == 0 else ""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(process, port):
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    process.kill()
    return pytest.fail(process.stderr.read())


def test_two_configurations_are_documented():
    assert len(BLOCKS) == 2
    assert DOCUMENT.count("```nginx") == 2


def test_pictures_are_uploaded_found_and_shown(site):
    content = jpeg_bytes(photo(seed=60))
    added = site.post("v1/images", files={"image": ("small.jpg", content, "image/jpeg")})
    record = site.follow(added.headers["location"]).json()
    assert record == added.json()
    assert site.follow(record["content_url"]).content == content
    found = site.post("v1/search", files={"image": ("small.jpg", content, "image/jpeg")}).json()["hits"][0]["image"]
    assert found == record
    events = {"event_id": "1", "query_id": "none", "image_id": "none", "position": 1, "kind": "click"}
    assert site.post("v1/events", json={"events": [events]}).json()["type"].endswith("event-refused")


def test_the_documented_addresses_are_those_of_the_description(site):
    server = site.get("openapi.json").json().get("servers", [{"url": ""}])[0]["url"]
    assert site.follow(f"{server}/v1/images").status_code == 200


def test_probes_pass(site):
    for path in ("healthz", "readyz", "metrics", "v1/images", ""):
        assert site.head(path).status_code == site.get(path).status_code == 200


def test_other_names_and_pages_stay_out(site):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert site.post("v1/search", json={"image_id": "0" * 32}, headers=headers).status_code == 403


@pytest.mark.parametrize("site", BLOCKS, indirect=True, ids=["own-host", "below-a-path"])
def test_large_pictures_pass(site):
    content = jpeg_bytes(noise(1100, 1100), quality=95)
    assert len(content) > 1024 * 1024  # as much as nginx takes unless it is told to
    assert site.post("v1/images", files={"image": ("large.jpg", content, "image/jpeg")}).status_code == 201


def test_the_page_shows_and_searches(page, site):
    page.goto(site.url.removesuffix("/") if site.url.count("/") > 3 else site.url)  # people leave the slash out
    wait_until(page, lambda: shown_pictures(page) == 12)
    choose(page, jpeg_bytes(photo(seed=5)))
    wait_for_results(page)
    wait_until(page, lambda: shown_pictures(page) > 0)
    assert page.url.startswith(f"{site.url}?upload=")


def shown_pictures(page):
    return page.eval_on_selector_all(f"{TILES} img", "all => all.filter(one => one.naturalWidth > 0).length")
