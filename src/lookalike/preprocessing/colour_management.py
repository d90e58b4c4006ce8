"""Pixels of any tagged colour space to sRGB: by LittleCMS if curves with matrices or tables suffice, else by table."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lookalike.preprocessing.containers.colour_tags import UNTAGGED, ColourTags
from lookalike.preprocessing.high_dynamic_range import tone_mapping
from lookalike.preprocessing.profiles import (
    SRGB_CHROMATICITIES,
    Profile,
    profile_of_primaries,
    read_profile,
)

Transform = Callable[[Image.Image], Image.Image]
"""Takes RGB, RGBA or, for printing, CMYK; may change the image it is given, and returns it or another."""

_KEPT = 32
_MEASURED = {"F", "I", "LAB", "HSV"}
"""Modes whose values are no levels of a device, whatever profile stands beside them."""
_FLAGS = ImageCms.Flags.NOWHITEONWHITEFIXUP
"""Without it the colours near white are bent until white is white."""
_PQ, _HLG = 16, 18
_SRGB_TRANSFER = 13
_USUAL_GAMMA = 1 / 2.2
_GAMMA_TOLERANCE = 0.05
"""A PNG that says nothing of primaries, and whose gamma differs by less from the usual one, is sRGB, as in browsers."""

_CHROMATICITIES: dict[int, tuple[float, ...]] = {
    1: SRGB_CHROMATICITIES,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (0.3127, 0.3290, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""ITU-T H.273, table 2: x and y of white, red, green and blue."""

_LEVELS = np.arange(256) / 255


def _piecewise(gamma: float, scale: float, offset: float, slope: float, limit: float) -> NDArray[np.float64]:
    curve: NDArray[np.float64] = np.where(limit > _LEVELS, _LEVELS * slope, (_LEVELS * scale + offset) ** gamma)
    return curve


_LIGHT = {
    **dict.fromkeys((1, 6, 11, 14, 15), _LEVELS**2.4),
    4: _LEVELS**2.2,
    5: _LEVELS**2.8,
    7: _piecewise(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: _LEVELS,
    _SRGB_TRANSFER: _piecewise(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    17: np.minimum(_LEVELS**2.6 * 52.37 / 48, 1),
}
"""ITU-T H.273, table 3: linear light of each level; of video by the curve of its displays (BT.1886), not of cameras."""


def transform_to_srgb(tags: ColourTags, *, stored: str, given: str) -> Transform | None:
    """What brings pixels to sRGB; None where they are in it, or where nothing usable says otherwise.

    Args:
        tags: what the file says.
        stored: the image's mode as decoded.
        given: its mode when it is transformed: RGB, RGBA or, for printing, CMYK.
    """
    if tags is UNTAGGED or stored in _MEASURED:
        return None
    if tags.profile:
        return _by_profile(read_profile(tags.profile), stored, given)
    if given == "CMYK":
        return None
    if tags.primaries in _CHROMATICITIES and tags.transfer in {_PQ, _HLG}:
        return _by_code_points(tags.primaries, tags.transfer, tags.peak)
    return _by_profile(_profile_of_tags(tags), stored, given)


def _by_profile(profile: Profile | None, stored: str, given: str) -> Transform | None:
    if profile is None or (profile.space == "CMYK") != (given == "CMYK"):
        return None
    if profile.space == "GRAY" and not stored.startswith(("L", "1", "I")):
        return None
    if profile.code_points is not None and profile.code_points[0] in _CHROMATICITIES:
        return _by_code_points(*profile.code_points, 0.0)
    return _cached((profile.digest, given), lambda: _littlecms(profile, given))


def _profile_of_tags(tags: ColourTags) -> Profile | None:
    if tags.primaries in _CHROMATICITIES and tags.transfer in _LIGHT:
        return profile_of_primaries(_CHROMATICITIES[tags.primaries], _LIGHT[tags.transfer])
    if tags.gamma is None:
        return None
    if tags.chromaticities is None and abs(tags.gamma / _USUAL_GAMMA - 1) < _GAMMA_TOLERANCE:
        return None
    return profile_of_primaries(tags.chromaticities or SRGB_CHROMATICITIES, _LEVELS ** (1 / tags.gamma))


def _by_code_points(primaries: int, transfer: int, peak: float) -> Transform | None:
    """For PQ and HLG."""
    return _cached(
        (primaries, transfer, peak),
        lambda: tone_mapping(_CHROMATICITIES[primaries], hlg=transfer == _HLG, peak=peak),
    )


def _littlecms(profile: Profile, given: str) -> Transform | None:
    """None where the profile is refused after all, or changes nothing."""
    wanted = "RGB" if given == "CMYK" else given
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile.content))
        transform = ImageCms.buildTransform(source, _srgb(), given, wanted, ImageCms.Intent.PERCEPTUAL, _FLAGS)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if given == "CMYK":
        return transform.apply
    if _changes_nothing(transform, given):
        return None

    def in_place(image: Image.Image) -> Image.Image:
        transform.apply_in_place(image)
        return image

    return in_place


def _srgb() -> ImageCms.ImageCmsProfile:
    """The destination, called version 2: LittleCMS compensates the black point of version 4, which browsers do not."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[8] = 2
    return ImageCms.ImageCmsProfile(io.BytesIO(bytes(content)))


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether no colour moves by more than a level: most profiles are sRGB under some name."""
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18, -1, 3)
    before = Image.fromarray(np.ascontiguousarray(grid)).convert(mode)
    after = transform.apply(before)
    return int(np.abs(np.asarray(after).astype(int) - np.asarray(before)).max()) <= 1


_transforms: OrderedDict[Hashable, Transform | None] = OrderedDict()
_lock = threading.Lock()


def _cached(key: Hashable, make: Callable[[], Transform | None]) -> Transform | None:
    """The latest transforms are kept, by what makes them; two threads may make one twice."""
    with _lock:
        if key in _transforms:
            _transforms.move_to_end(key)
            return _transforms[key]
    made = make()
    with _lock:
        _transforms[key] = made
        while len(_transforms) > _KEPT:
            _transforms.popitem(last=False)
    return made
