import pytest

from colour_profiles import matrix_profile
from lookalike.preprocessing.containers.colour_tags import UNTAGGED
from lookalike.preprocessing.containers.item_properties import tags_of_primary_item
from pictures import avif_bytes


def tags_of(content):
    start = content.index(b"meta") - 4
    return tags_of_primary_item(content, start, start + int.from_bytes(content[start : start + 4], "big"))


def with_code_points(primaries, transfer):
    content = bytearray(avif_bytes())
    at = content.index(b"nclx") + 4
    content[at : at + 4] = primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big")
    return bytes(content)


def test_a_profile_is_the_primary_items():
    assert tags_of(avif_bytes(icc_profile=matrix_profile())).profile == matrix_profile()


def test_code_points():
    tags = tags_of(with_code_points(9, 16))
    assert (tags.primaries, tags.transfer) == (9, 16)


@pytest.mark.parametrize("transfer", [1, 6, 14, 15])
def test_transfers_of_video_are_shown_as_srgb(transfer):
    assert tags_of(with_code_points(1, transfer)).transfer == 13


def test_properties_of_no_picture_do_not_count():
    content = with_code_points(9, 16)
    at = content.index(b"ipma") + 12  # behind version and flags, and the number of entries: the item
    assert tags_of(content[:at] + b"\x7f\xff" + content[at + 2 :]) == UNTAGGED


@pytest.mark.parametrize("kept", [0, 12, 60, 120])
def test_a_box_that_is_cut_off_says_nothing(kept):
    content = with_code_points(9, 16)
    start = content.index(b"meta") - 4
    assert tags_of_primary_item(content[: start + kept], start, len(content)) == UNTAGGED
