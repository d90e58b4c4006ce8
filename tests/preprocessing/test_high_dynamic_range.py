import numpy as np
import pytest
from PIL import Image

from lookalike.preprocessing.high_dynamic_range import tone_mapping

BT2020 = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)


def ramp(mode="RGB"):
    return Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], len(mode), axis=2), mode)


def shown(*, hlg=False, peak=0.0, mode="RGB"):
    return np.asarray(tone_mapping(BT2020, hlg=hlg, peak=peak)(ramp(mode)))[0].astype(int)


@pytest.mark.parametrize("hlg", [False, True])
@pytest.mark.parametrize("peak", [0.0, 203.0, 1_000.0, 10_000.0])
def test_brighter_stays_brighter_and_grey_stays_grey(hlg, peak):
    levels = shown(hlg=hlg, peak=peak)
    assert (np.diff(levels, axis=0) >= 0).all()
    assert (np.ptp(levels, axis=1) <= 1).all()
    assert levels[0].tolist() == [0, 0, 0]
    assert levels[-1].min() >= 254


def test_the_stated_peak_is_as_bright_as_it_gets():
    """Level 192 of PQ is about 1,000 nits."""
    assert shown(peak=1_000.0)[192].min() >= 250
    assert shown(peak=10_000.0)[192].max() < 240


def test_an_impossible_peak_counts_as_unknown():
    assert np.array_equal(shown(peak=50_000.0), shown(peak=0.0))


def test_alpha_is_left_alone():
    assert shown(mode="RGBA")[:, 3].tolist() == list(range(256))
