import pytest

from lookalike.preprocessing.containers.coded_size import av1_size, hevc_sizes
from pictures import avif_bytes, heic_bytes, photo


def av1_data(content):
    return memoryview(content)[content.index(b"mdat") + 4 :]


@pytest.mark.parametrize("size", [(64, 48), (161, 120), (1000, 3)])
def test_av1_tells_the_size_of_its_frames(size):
    assert av1_size(av1_data(avif_bytes(photo(*size)))) == size


@pytest.mark.parametrize("data", [b"", b"\0" * 40, bytes([2 << 3 | 2, 0])])
def test_data_without_a_sequence_header_tells_nothing(data):
    assert av1_size(memoryview(data)) is None


def test_a_sequence_header_that_is_cut_off():
    with pytest.raises(EOFError, match="cut off"):
        av1_size(memoryview(bytes([1 << 3 | 2, 1, 0])))


@pytest.mark.parametrize("size", [(64, 48), (320, 240)])
def test_hevc_tells_the_size_of_its_frames(size):
    content = heic_bytes(photo(*size))
    at = content.index(b"hvcC")
    length = int.from_bytes(content[at - 4 : at], "big")
    sizes = list(hevc_sizes(content[at + 4 : at - 4 + length]))
    assert sizes
    assert all(width >= size[0] and height >= size[1] for width, height in sizes)
    assert all(width < size[0] + 64 and height < size[1] + 64 for width, height in sizes)


def test_an_empty_hevc_record_tells_nothing():
    assert list(hevc_sizes(b"")) == []
