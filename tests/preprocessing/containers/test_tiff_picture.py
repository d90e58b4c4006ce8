import struct

import pytest

from lookalike.preprocessing.containers.tiff_directory import directories
from lookalike.preprocessing.containers.tiff_picture import read_picture
from pictures import tiff_of


def picture_of(*, size=(10, 6), data=bytes(60), **options):
    return read_picture(directories(tiff_of(size, data, **options))[0])


def test_strips_cover_the_picture_from_top_to_bottom():
    pieces = list(picture_of(data=[bytes(20)] * 3).pieces())
    assert [(piece.top, piece.height, piece.width) for piece in pieces] == [(0, 2, 10), (2, 2, 10), (4, 2, 10)]
    assert [end - start for ((start, end),) in (piece.spans for piece in pieces)] == [20, 20, 20]


def test_tiles_at_the_edge_are_stored_whole():
    tiled = picture_of(data=[bytes(64)] * 2, tags={322: (8,), 323: (8,)})
    assert tiled.tiled
    pieces = list(tiled.pieces())
    assert [(piece.left, piece.width, piece.stored_width) for piece in pieces] == [(0, 8, 8), (8, 2, 8)]
    assert {piece.height for piece in pieces} == {6}


def test_samples_stored_apart_have_a_span_each():
    apart = picture_of(data=[bytes(60)] * 3, samples=3, tags={284: (2,), 278: (6,)})
    assert apart.planes == 3
    (piece,) = apart.pieces()
    assert len(piece.spans) == 3


def test_a_wrong_length_of_a_plain_strip_does_not_matter():
    (piece,) = picture_of(tags={279: (7,)}).pieces()
    assert piece.spans[0][1] - piece.spans[0][0] == 60


@pytest.mark.parametrize(
    ("tags", "error", "message"),
    [
        ({277: (0,)}, ValueError, "0 samples"),
        ({256: (0,)}, ValueError, "0 x 6"),
        ({322: (46_336,), 323: (46_336,)}, ValueError, "the limit is 33,554,432 bytes a tile"),
        ({278: (2,)}, EOFError, "strips or tiles are missing"),
    ],
)
def test_directories_that_contradict_themselves_are_refused(tags, error, message):
    with pytest.raises(error, match=message):
        picture_of(tags=tags)


def test_strips_that_cover_nothing_are_refused():
    with pytest.raises(ValueError, match="3 strips or tiles where 1 cover"):
        picture_of(data=[bytes(60)] * 3, tags={278: (6,)})


def test_a_strip_past_the_end_of_the_file_is_refused():
    content = bytearray(tiff_of((10, 6), bytes(60)))
    at = content.index(struct.pack("<HHI", 273, 4, 1)) + 8
    content[at : at + 4] = struct.pack("<I", 10**6)
    with pytest.raises(EOFError, match="past the end"):
        read_picture(directories(bytes(content))[0])


@pytest.mark.parametrize(("stated", "value"), [(b"-9999\0", -9999.0), (b"nothing\0", None)])
def test_the_value_of_pixels_that_were_not_measured(stated, value):
    assert picture_of(tags={42_113: stated}).no_data == value
