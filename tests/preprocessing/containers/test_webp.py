import struct

from PIL import Image

from colour_profiles import matrix_profile
from decoding import levels_apart, pixels_of
from lookalike.preprocessing.containers.webp import read_webp
from pictures import exif_block, noise, oriented_bytes, photo, webp_bytes


def test_size_and_orientation():
    header = read_webp(webp_bytes(photo(161, 120)))
    assert (header.width, header.height, header.orientation) == (161, 120, 1)
    assert read_webp(oriented_bytes(6, file_format="WEBP")).orientation == 6


def test_metadata_is_dropped_and_the_picture_stays():
    content = webp_bytes(
        lossless=True, exif=b"Exif\0\0" + exif_block(1), xmp=b"<secret/>", icc_profile=matrix_profile()
    )
    header = read_webp(content)
    assert b"EXIF" in content
    assert b"secret" not in header.content
    assert b"EXIF" not in header.content
    assert b"ICCP" not in header.content
    assert header.colour.profile == matrix_profile()
    assert levels_apart(pixels_of(header.content), photo()) == 0


def test_a_picture_larger_than_its_canvas_counts():
    content = bytearray(webp_bytes(photo(161, 120).convert("RGBA"), exif=exif_block(1)))
    assert content[12:16] == b"VP8X"
    content[24:30] = (9).to_bytes(3, "little") * 2  # a canvas of 10 x 10
    header = read_webp(bytes(content))
    assert (header.width, header.height) == (161, 120)


def test_the_first_frame_of_a_large_animation_becomes_a_still():
    frames = [Image.new("RGB", (2500, 2100), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    content = webp_bytes(frames[0], save_all=True, append_images=frames[1:], duration=100, method=0)
    still = read_webp(content).content
    assert b"ANMF" in content
    assert b"ANMF" not in still
    (length,) = struct.unpack_from("<I", still, 4)
    assert length == len(still) - 8
    assert (pixels_of(still)[0, 0] >= (250, 0, 0)).all()


def test_lossless_pictures_hold_four_bytes_a_pixel_at_any_scale():
    image = noise(40, 30)
    assert read_webp(webp_bytes(image, lossless=True)).held_bytes == 4 * 40 * 30
    assert read_webp(webp_bytes(image)).held_bytes == 0
