import numpy as np
import pytest
from PIL import Image, ImageDraw

from decoding import pixels_of
from lookalike.preprocessing import Preprocessing, hamming, prepare, thumbnail
from pictures import png_bytes, webp_bytes

WANTED = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
SHAPES = {
    "disc": lambda draw, fill: draw.ellipse((40, 40, 216, 216), fill=fill),
    "triangle": lambda draw, fill: draw.polygon([(128, 20), (236, 230), (20, 230)], fill=fill),
    "bars": lambda draw, fill: [draw.rectangle((20 + at, 40, 50 + at, 216), fill=fill) for at in range(0, 240, 60)],
}


def artwork(shape, *fills):
    """A shape on transparency, the first fill under the others, each moved a little."""
    image = Image.new("RGBA", (256, 256), (255, 255, 255, 0))
    for fill in fills:
        SHAPES[shape](ImageDraw.Draw(image), fill)
    return image


def corner_and_middle(image):
    pixels = pixels_of(png_bytes(image))
    return pixels[2, 2].astype(int), pixels[128, 128].astype(int)


@pytest.mark.parametrize(
    "fill",
    [(255, 255, 255, 255), (250, 248, 240, 255), (255, 255, 170, 255), (221, 221, 221, 255), (255, 255, 255, 90)],
    ids=["white", "cream", "pale yellow", "light grey", "half transparent"],
)
def test_pale_artwork_stands_out(fill):
    ground, drawn = corner_and_middle(artwork("disc", fill))
    assert abs(ground.mean() - drawn.mean()) > 48


@pytest.mark.parametrize("fill", [(0, 0, 0, 255), (200, 30, 60, 255), (120, 120, 120, 255), (0, 60, 160, 128)])
def test_other_artwork_lies_on_white(fill):
    ground, drawn = corner_and_middle(artwork("disc", fill))
    assert ground.tolist() == [255, 255, 255]
    assert abs(ground.mean() - drawn.mean()) > 48


def test_white_and_black_together_both_stand_out():
    image = artwork("bars", (255, 255, 255, 255))
    image.paste((0, 0, 0, 255), (20, 40, 110, 216), image.crop((20, 40, 110, 216)))
    pixels = pixels_of(png_bytes(image)).astype(int)
    ground, black, white = pixels[2, 2].mean(), pixels[128, 30].mean(), pixels[128, 210].mean()
    assert min(abs(ground - black), abs(ground - white)) >= 48


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_every_kind_of_transparency(mode):
    image = artwork("disc", (255, 255, 255, 255))
    content = png_bytes(image.quantize(8) if mode == "P" else image.convert(mode))
    pixels = pixels_of(content)
    assert pixels[128, 128].min() > 250
    assert pixels[2, 2].max() < 100


def test_white_logos_differ_in_all_that_is_told_of_them():
    prepared = [prepare(png_bytes(artwork(shape, (255, 255, 255, 255))), WANTED, name=shape) for shape in SHAPES]
    for at, one in enumerate(prepared):
        for other in prepared[at + 1 :]:
            assert hamming(*(each.columns["difference_hash"] for each in (one, other))) > 4
            assert np.abs(one.rows - other.rows).mean() > 0.1


def test_thumbnails_have_the_same_ground():
    content = webp_bytes(artwork("disc", (255, 255, 255, 255)), lossless=True)
    pixels = pixels_of(thumbnail(content, size=64, name="x"))
    assert pixels[1, 1].max() < 100
    assert pixels[32, 32].min() > 240


def test_an_opaque_alpha_channel_changes_nothing():
    white = Image.new("RGB", (40, 30), (255, 255, 255))
    assert np.array_equal(pixels_of(png_bytes(white.convert("RGBA"))), pixels_of(png_bytes(white)))


def test_nothing_visible_is_white():
    assert pixels_of(png_bytes(Image.new("RGBA", (20, 20), (9, 9, 9, 0)))).min() == 255


def test_a_small_logo_in_a_large_picture():
    image = Image.new("RGBA", (3_000, 2_000))
    image.paste((255, 255, 255, 255), (2_900, 1_900, 2_903, 1_903))
    assert pixels_of(png_bytes(image))[0, 0].max() < 100
