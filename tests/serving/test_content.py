import contextlib
import io
import os

import httpx
import psutil
import pytest
from PIL import Image

from lookalike.catalog import ImageAddition, content_id
from lookalike.errors import ImageRefused
from pictures import gif_bytes, jpeg_bytes, oriented_bytes, photo, png_bytes, webp_bytes
from serving.asking import address
from serving.sockets import connection_to


@pytest.mark.parametrize(
    ("make", "media_type"),
    [(jpeg_bytes, "image/jpeg"), (png_bytes, "image/png"), (webp_bytes, "image/webp"), (gif_bytes, "image/gif")],
)
def test_the_original_comes_back_byte_for_byte_with_its_own_type(client, library, make, media_type):
    content = make(photo(seed=5))
    image, _ = library.indexer.add_upload(content, name="lies.txt")
    response = client.get(address(image.id))
    assert response.content == content
    assert response.headers["content-type"] == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-disposition"].startswith("inline; filename=")
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("size", [64, 128, 256, 512, 1024])
def test_thumbnails_are_small_upright_and_kept(client, library, size):
    image, _ = library.indexer.add_upload(oriented_bytes(6, photo(width=1400, height=700)), name="a.jpg")
    first, second = client.get(address(image.id, size)), client.get(address(image.id, size))
    assert first.status_code == 200
    assert first.headers["cache-control"] == "private, max-age=60, must-revalidate"
    assert first.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(first.content)).size == (size, size // 2)
    assert second.content == first.content
    assert 'lookalike_thumbnails_total{cache="hit"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("size", ["1", "63", "2048", "-64", "x", "", "64.5", "1e2", "٦٤"])
def test_only_a_few_sizes_exist(client, images, problem, size):
    response = client.get(f"/v1/images/{images[0]}/content", params={"size": size})
    assert problem(response, 422, "invalid-request").errors[0]["field"] == "query.size"


def test_a_file_that_is_gone_is_a_problem(client, library, images, twelve, problem, monkeypatch):
    def gone(image_id):
        raise ImageRefused(image_id, "unreadable", "its file is gone")

    monkeypatch.setattr(library.catalog.images, "open_content", gone)
    for url in (address(images[0]), address(images[0], 64)):
        assert "gone" in problem(client.get(url), 404, "content-missing").detail


def unreadable(library, content, media_type="application/octet-stream"):
    """An image that the catalog knows and nobody can decode."""
    addition = ImageAddition(
        content_id=content_id(content), width=0, height=0, mean_colour="#000000",
        media_type=media_type, byte_count=len(content), error="not an image", upload=content,
    )  # fmt: skip
    library.catalog.images.add([addition])
    return addition.content_id


def test_what_is_no_picture_is_only_ever_downloaded(client, library, problem):
    page = b"<html><script>alert(1)</script></html>"
    image_id = unreadable(library, page, media_type="text/html")
    response = client.get(address(image_id))
    assert response.content == page
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "thumbnail" in problem(client.get(address(image_id, 64)), 404, "content-missing").detail


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", "application/xhtml+xml", "image/jpeg\r\nx: y"])
def test_types_that_browsers_run_are_never_sent(client, library, media_type):
    image_id = unreadable(library, b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", media_type)
    assert client.get(address(image_id)).headers["content-type"] == "application/octet-stream"


def test_file_names_are_safe_in_headers(client, library):
    folder = library.folder / "pictures"
    folder.mkdir()
    name = 'caf\u00e9 "quoted"; x=1\\ \u2603.jpg'
    (folder / name).write_bytes(jpeg_bytes(photo(seed=8)))
    library.indexer.index([folder])
    image_id = content_id(jpeg_bytes(photo(seed=8)))
    disposition = client.get(address(image_id)).headers["content-disposition"]
    assert disposition == (
        'inline; filename="caf_ _quoted_; x=1_ _.jpg"; '
        "filename*=UTF-8''caf%C3%A9%20%22quoted%22%3B%20x%3D1%5C%20%E2%98%83.jpg"
    )
    assert str(folder) not in client.get(f"/v1/images/{image_id}").text


@pytest.mark.parametrize("size", [None, 128])
@pytest.mark.parametrize("end", ["delete", "hide"])
def test_what_is_deleted_or_hidden_while_its_pixels_are_made_is_neither_sent_nor_kept(
    client, library, images, problem, monkeypatch, size, end
):
    opened = library.catalog.images.open_content

    def ended_meanwhile(image_id):
        content = opened(image_id)
        if end == "delete":
            client.delete(f"/v1/images/{image_id}")
        else:
            client.patch(f"/v1/images/{image_id}", json={"visibility": "private"})
        return content

    monkeypatch.setattr(library.catalog.images, "open_content", ended_meanwhile)
    problem(client.get(address(images[0], size)), 404, "unknown-image")
    assert list(library.settings().thumbnails.rglob(f"{images[0]}-*")) == []


@pytest.mark.parametrize(
    ("asked", "status", "part", "told"),
    [
        ("bytes=0-9", 206, slice(0, 10), "bytes 0-9/{size}"),
        ("bytes=10-", 206, slice(10, None), "bytes 10-{last}/{size}"),
        ("bytes=-5", 206, slice(-5, None), "bytes {fifth}-{last}/{size}"),
        ("bytes=5-999999999", 206, slice(5, None), "bytes 5-{last}/{size}"),
        ("bytes=9-1", 200, slice(None), None),
        ("bytes=0-1,3-4", 200, slice(None), None),
        ("lines=0-9", 200, slice(None), None),
        ("bytes=-", 200, slice(None), None),
    ],
)
def test_a_part_of_an_original_is_sent(client, library, asked, status, part, told):
    content = jpeg_bytes(photo(seed=5))
    image, _ = library.indexer.add_upload(content, name="a.jpg")
    response = client.get(address(image.id), headers={"Range": asked})
    size = len(content)
    wanted = told and told.format(size=size, last=size - 1, fifth=size - 5)
    assert (response.status_code, response.content, response.headers.get("content-range")) == (
        status,
        content[part],
        wanted,
    )
    assert response.headers["accept-ranges"] == "bytes"


def test_a_part_that_is_not_there_is_refused_with_the_size(client, library, problem):
    content = jpeg_bytes(photo(seed=5))
    image, _ = library.indexer.add_upload(content, name="a.jpg")
    for asked in (f"bytes={len(content)}-", "bytes=-0", "bytes=99999999999999999999-"):
        response = client.get(address(image.id), headers={"Range": asked})
        problem(response, 416, "range-not-satisfiable")
        assert response.headers["content-range"] == f"bytes */{len(content)}"


def test_a_part_is_sent_only_of_the_version_that_the_client_has(client, library):
    content = jpeg_bytes(photo(seed=5))
    image, _ = library.indexer.add_upload(content, name="a.jpg")
    etag = client.get(address(image.id)).headers["etag"]
    for version, status in ((etag, 206), (f"W/{etag}", 200), ('"other"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": version}
        assert client.get(address(image.id), headers=headers).status_code == status


def test_slow_readers_hold_no_originals_in_memory(server_of, library):
    """Sixteen clients that read nothing of 8 MB each: far less than all of it stands in memory."""
    content = png_bytes(photo(seed=1, width=64, height=64)) + os.urandom(8_000_000)
    image, _ = library.indexer.add_upload(content, name="a.png")
    server = server_of()
    before = psutil.Process().memory_info().rss
    with contextlib.ExitStack() as opened:
        for _ in range(16):
            connection = opened.enter_context(connection_to(server))
            connection.sendall(f"GET {address(image.id)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert httpx.get(f"{server.url}{address(image.id)[1:]}", timeout=60).content == content
        grown = psutil.Process().memory_info().rss - before
    assert grown < 4 * len(content), grown
