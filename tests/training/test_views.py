"""Views: the same for the same purpose whoever makes them, and as different as the settings say."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.training.views import ViewSettings, view

SMALL = ViewSettings(size=24)
UNCHANGED = ViewSettings(least_area=1, most_aspect=1, flip=0, rotation=0, jitter=0, greyscale=0, blur=0)


def pixels(width=40, height=30, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, size=(height // 5 + 1, width // 5 + 1, 3))
    return np.repeat(np.repeat(coarse, 5, axis=0), 5, axis=1)[:height, :width].astype(np.uint8)


def one(image, chosen=SMALL, *, seed=0, epoch=0, image_id="a", number=0):
    return view(image, chosen, seed=seed, epoch=epoch, image_id=image_id, number=number)


@settings(max_examples=100)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 1_000), st.integers(1, 40))
def test_every_picture_has_views_of_the_size_asked_for(width, height, seed, size):
    made = one(pixels(width, height), replace(SMALL, size=size), seed=seed)
    assert made.shape == (size, size, 3)
    assert made.dtype == np.uint8


def test_views_do_not_depend_on_who_makes_them_nor_on_the_order():
    purposes = [(seed, epoch, image_id) for seed in range(2) for epoch in range(3) for image_id in ("a", "b", "c")]
    image = pixels()

    def made(purpose):
        seed, epoch, image_id = purpose
        return one(image, seed=seed, epoch=epoch, image_id=image_id).tobytes()

    alone = [made(purpose) for purpose in purposes]
    with ThreadPoolExecutor(4) as pool:
        together = dict(zip(reversed(purposes), pool.map(made, reversed(purposes)), strict=True))
    assert alone == [together[purpose] for purpose in purposes]
    assert len(set(alone)) == len(purposes)


def test_the_second_view_of_an_image_is_another_one():
    assert not np.array_equal(one(pixels()), one(pixels(), number=1))


def test_a_view_stays_the_same_from_version_to_version():
    """Else a run that is resumed after an update would go on with other pictures, unnoticed."""
    image = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    plain = replace(UNCHANGED, size=2, jitter=1, hue=0, contrast=0, saturation=0)
    first = one(image, plain, seed=1, epoch=2, image_id="b")
    assert first.tolist() == [[[159, 79, 39]] * 2] * 2


def test_nothing_changes_when_every_strength_is_zero():
    image = pixels(24, 24)
    assert np.array_equal(one(image, replace(UNCHANGED, size=24), seed=5), image)


@pytest.mark.parametrize("seed", range(5))
def test_flip_greyscale_and_blur_do_what_they_are_called(seed):
    image, still = pixels(24, 24), replace(UNCHANGED, size=24)
    assert np.array_equal(one(image, replace(still, flip=1), seed=seed), image[:, ::-1])
    grey = one(image, replace(still, greyscale=1), seed=seed)
    assert np.ptp(grey, axis=2).max() == 0
    assert np.ptp(grey) > 0
    blurred = one(image, replace(still, blur=1, most_blur=0.2), seed=seed)
    assert np.abs(np.diff(blurred.astype(int), axis=1)).sum() < np.abs(np.diff(image.astype(int), axis=1)).sum()


@given(st.integers(0, 10_000))
def test_brightness_stays_within_its_strength(seed):
    image = np.full((6, 6, 3), 100, np.uint8)
    chosen = replace(UNCHANGED, size=6, jitter=1, brightness=0.2, contrast=0, saturation=0, hue=0)
    assert 79 <= one(image, chosen, seed=seed).mean() <= 121


@given(st.integers(0, 10_000))
def test_hue_moves_colour_but_neither_light_nor_grey(seed):
    chosen = replace(UNCHANGED, size=4, jitter=1, brightness=0, contrast=0, saturation=0, hue=0.5)
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert np.array_equal(one(grey, chosen, seed=seed), grey)
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 200
    turned = one(red, chosen, seed=seed)
    assert turned.max(axis=2).tolist() == [[200] * 4] * 4


@given(st.integers(0, 10_000), st.floats(0.1, 1))
def test_a_cut_shows_at_least_its_share_of_the_picture(seed, least):
    """On a ramp, the range of values of a cut is the width it shows, and its share of the area no more than both."""
    ramp = np.zeros((200, 200, 3), np.uint8)
    ramp[:, :, 0] = np.arange(200)
    ramp[:, :, 1] = np.arange(200)[:, None]
    made = one(ramp, replace(UNCHANGED, size=100, least_area=least, most_aspect=2.0), seed=seed).astype(int)
    wide, high = (np.ptp(made[:, :, channel]) + 2 for channel in (0, 1))
    assert wide * high >= 0.9 * least * 200 * 200


def test_rotation_turns_and_fills_corners_with_the_mean_colour():
    image = np.full((60, 60, 3), 128, np.uint8)
    image[:2] = 255
    turned = one(image, replace(UNCHANGED, size=60, rotation=90), seed=3)
    assert not np.array_equal(turned, image)
    assert turned.min() >= 120


@pytest.mark.parametrize("name", sorted(asdict(ViewSettings())))
def test_strengths_outside_their_range_are_refused(name):
    for wrong in (-1, 1e9, float("nan")):
        with pytest.raises(ValueError, match=name):
            ViewSettings(**{name: wrong})  # type: ignore[arg-type]
