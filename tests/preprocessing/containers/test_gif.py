import struct

import numpy as np
import pytest

from decoding import pixels_of
from pictures import gif_bytes, photo


def sticker(screen, at):
    """A GIF whose only frame of 100 x 80 pixels stands somewhere on a larger screen."""
    content = bytearray(gif_bytes(photo(100, 80).quantize(64)))
    frame = content.index(b"\x2c\0\0\0\0")
    content[6:10] = struct.pack("<HH", *screen)
    content[frame + 1 : frame + 5] = struct.pack("<HH", *at)
    return bytes(content)


@pytest.mark.parametrize(("screen", "at"), [((300, 200), (100, 60)), ((100, 200), (0, 0)), ((101, 80), (1, 0))])
def test_the_uncovered_screen_of_a_gif_is_transparent(screen, at):
    pixels = pixels_of(sticker(screen, at))
    whole = pixels_of(sticker((100, 80), (0, 0)))
    assert pixels.shape == (screen[1], screen[0], 3)
    left, top = at
    assert np.array_equal(pixels[top : top + 80, left : left + 100], whole)
    outside = np.ones(pixels.shape[:2], bool)
    outside[top : top + 80, left : left + 100] = False
    assert (pixels[outside] == 255).all()
