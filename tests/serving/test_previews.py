import base64
import io

import PIL.Image
import pytest

from pictures import jpeg_bytes, oriented_bytes, photo, png_bytes


@pytest.mark.parametrize(
    ("content", "wish"),
    [(jpeg_bytes(photo()), "never"), (jpeg_bytes(photo()), "if-needed"), (png_bytes(photo()), "if-needed")],
    ids=["unasked", "plain", "png"],
)
def test_no_preview_is_given_where_every_browser_shows_the_picture_alike(client, images, content, wish):
    assert client.search(content, preview=wish).json()["query"]["preview"] is None


@pytest.mark.parametrize(
    ("content", "wish"),
    [(jpeg_bytes(photo()), "always"), (oriented_bytes(3, photo()), "if-needed")],
    ids=["asked for", "turned"],
)
def test_a_preview_is_given_where_a_browser_may_show_the_picture_otherwise(client, images, content, wish):
    head, _, encoded = client.search(content, preview=wish).json()["query"]["preview"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert max(PIL.Image.open(io.BytesIO(base64.b64decode(encoded))).size) == 320


def test_a_preview_is_small_and_upright(client, images):
    turned = oriented_bytes(6, photo(width=3000, height=1500))
    preview = client.search(turned, preview="if-needed").json()["query"]["preview"]
    shown = PIL.Image.open(io.BytesIO(base64.b64decode(preview.partition(",")[2])))
    assert shown.size == (1024, 512)
