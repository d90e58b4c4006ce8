import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.preprocessing import Preprocessing, decode, difference_hash, hamming, mean_colour, prepare
from pictures import flat, jpeg_bytes, photo, png_bytes, webp_bytes

WANTED = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
hashes = st.integers(0, 2**64 - 1)


def hash_of(image):
    return difference_hash(np.asarray(image))


class TestMeanColour:
    def test_a_flat_picture_is_its_colour(self):
        assert mean_colour(np.asarray(flat(colour=(1, 2, 254)))) == "#0102fe"

    @given(width=st.integers(1, 400), height=st.integers(1, 400), seed=st.integers(0, 50))
    def test_it_is_the_mean_of_all_pixels(self, width, height, seed):
        pixels = np.asarray(photo(width, height, seed))
        text = mean_colour(pixels)
        channels = [int(text[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(channels - pixels.reshape(-1, 3).mean(axis=0)).max() <= (1 if min(width, height) < 128 else 2)


class TestDifferenceHash:
    def test_brighter_to_the_right_sets_every_bit(self):
        ramp = np.repeat(np.tile(np.arange(0, 252, 28, dtype=np.uint8), (8, 1))[:, :, None], 3, axis=2)
        assert difference_hash(ramp) == 2**64 - 1
        assert difference_hash(ramp[:, ::-1]) == 0

    def test_the_first_bit_is_the_upper_left(self):
        cells = np.zeros((8, 9, 3), np.uint8)
        cells[0, 1:] = 200
        assert difference_hash(cells) == 1 << 63
        cells = np.zeros((8, 9, 3), np.uint8)
        cells[7, 8] = 200
        assert difference_hash(cells) == 1

    def test_a_plain_loop_agrees(self):
        pixels = np.asarray(photo(90, 80, 3)).astype(float)
        cells = pixels.reshape(8, 10, 9, 10, 3).mean(axis=(1, 3))
        luma = np.floor(cells + 0.5) @ [299, 587, 114]
        expected = 0
        for row in range(8):
            for column in range(8):
                expected = expected << 1 | int(luma[row, column] < luma[row, column + 1])
        assert hash_of(photo(90, 80, 3)) == expected

    def test_a_flat_picture_says_nothing(self):
        assert hash_of(flat()) == 0

    @pytest.mark.parametrize("seed", range(8))
    def test_copies_are_near_and_other_pictures_are_far(self, seed):
        image = photo(640, 480, seed)
        original = prepare(png_bytes(image), WANTED, name="x").columns["difference_hash"]
        copies = [jpeg_bytes(image, quality=40), webp_bytes(image, quality=50), jpeg_bytes(image.resize((200, 150)))]
        for copy in copies:
            assert hamming(original, prepare(copy, WANTED, name="x").columns["difference_hash"]) <= 4
        assert hamming(original, hash_of(photo(640, 480, seed + 100))) > 12

    def test_a_reduced_decode_hashes_alike(self):
        content = jpeg_bytes(photo(2000, 1500))
        whole, reduced = (decode(content, name="x", shortest_side=side).pixels for side in (None, 200))
        assert hamming(difference_hash(whole), difference_hash(reduced)) <= 2


class TestHamming:
    @given(hashes, hashes)
    def test_it_counts_the_bits_that_differ(self, first, second):
        assert hamming(first, second) == f"{first ^ second:b}".count("1")

    @given(hashes)
    def test_of_itself(self, value):
        assert hamming(value, value) == 0
        assert hamming(value, 2**64 - 1 - value) == 64

    @pytest.mark.parametrize("value", [-1, 2**64])
    def test_signed_numbers_are_a_mistake(self, value):
        with pytest.raises(ValueError, match="unsigned"):
            hamming(value, 0)
