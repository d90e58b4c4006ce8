import re
import struct

import pytest
from PIL import Image

from lookalike.preprocessing.containers.isobmff import read_isobmff
from pictures import avif_bytes, heic_bytes, photo


def declaring(content, width, height):
    """The file with every `ispe` property saying another size."""
    at = content.find(b"ispe")
    while at >= 0:
        content = content[: at + 8] + struct.pack(">II", width, height) + content[at + 16 :]
        at = content.find(b"ispe", at + 4)
    return content


@pytest.mark.parametrize("make", [avif_bytes, heic_bytes])
def test_a_picture_coded_far_larger_than_it_says_is_refused(make):
    with pytest.raises(ValueError, match="64 x 64 pixels and is coded as"):
        read_isobmff(declaring(make(photo(1600, 1200)), 64, 64))


def test_exif_is_hidden_from_the_decoder_which_tells_the_orientation_itself():
    exif = Image.Exif()
    exif[0x010F] = "a maker of cameras"
    content = avif_bytes(exif=exif.tobytes())
    header = read_isobmff(content)
    assert header.orientation is None
    assert re.search(rb"infe\x02.{7}Exif", content, re.DOTALL)
    assert re.search(rb"infe\x02.{7}skip", header.content, re.DOTALL)
    assert not re.search(rb"infe\x02.{7}Exif", header.content, re.DOTALL)
    assert len(header.content) == len(content)


def test_a_file_that_is_cut_off_is_not_whole():
    content = avif_bytes()
    assert read_isobmff(content).whole
    assert not read_isobmff(content[:-10]).whole


def test_av1_pictures_with_more_chroma_hold_more_memory():
    dense = read_isobmff(avif_bytes(subsampling="4:4:4")).held_bytes
    assert dense > read_isobmff(avif_bytes(subsampling="4:2:0")).held_bytes > 0
