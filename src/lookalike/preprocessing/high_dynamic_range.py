"""Light of high dynamic range (PQ and HLG) brought to the range of sRGB, as browsers show it on an ordinary screen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.preprocessing.profiles import SRGB_CHROMATICITIES, xyz_of_primaries

_WHITE_NITS = 203.0
"""Luminance of diffuse white (ITU-R BT.2408)."""
_USUAL_PEAK_NITS = 1_000.0
_MOST_NITS = 10_000.0
_KNEE = 0.65
_SYSTEM_GAMMA = 1.2
_STRIP_PIXELS = 2**18
_STEPS = 65_535
_BT2020 = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
_FROM_BT2020_TO_XYZ = xyz_of_primaries(_BT2020)

Light = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToneMapping:
    """From encoded pixels of high dynamic range to sRGB.

    Every channel is multiplied by the gain of the largest (SMPTE ST 2094-50): up to diffuse white the picture is
    darkened evenly, by half where its peak is 1,000 nits or more; above, a quadratic Bezier curve leads to the peak.

    Attributes:
        light: [256] of each level: 1 for diffuse white, or, of HLG, of the scene, 0..1.
        hlg: whether a display's system gamma follows.
        to_bt2020: [3, 3] from linear light of the pixels' primaries.
        curve: [2, n] the largest channel before and after, ascending.
        srgb: [65536] uint8 of linear light in steps.
    """

    light: Light
    hlg: bool
    to_bt2020: Light
    curve: Light
    srgb: NDArray[np.uint8]

    def __call__(self, image: Image.Image) -> Image.Image:
        """Change an RGB or RGBA image, some rows at a time, and return it."""
        rows = max(_STRIP_PIXELS // image.width, 1)
        for top in range(0, image.height, rows):
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
            pixels = np.array(strip)
            pixels[..., :3] = self._shown(pixels[..., :3])
            image.paste(Image.fromarray(pixels, image.mode), (0, top))
        return image

    def _shown(self, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        light = self.light[levels] @ self.to_bt2020.T
        if self.hlg:
            luminance = np.maximum(light @ _FROM_BT2020_TO_XYZ[1].astype(np.float32), 0)
            light *= (luminance ** (_SYSTEM_GAMMA - 1) * (_USUAL_PEAK_NITS / _WHITE_NITS))[..., None]
        largest = light.max(axis=-1)
        mapped = np.interp(largest, *self.curve).astype(np.float32)
        light *= (mapped / np.where(largest > 0, largest, 1))[..., None]
        light = light @ _FROM_BT2020_TO_SRGB.T
        steps = np.rint(np.clip(light, 0, 1) * _STEPS).astype(np.uint16)
        shown: NDArray[np.uint8] = self.srgb[steps]
        return shown


_FROM_BT2020_TO_SRGB = np.linalg.solve(xyz_of_primaries(SRGB_CHROMATICITIES), _FROM_BT2020_TO_XYZ).astype(np.float32)


def tone_mapping(chromaticities: tuple[float, ...], *, hlg: bool, peak: float) -> ToneMapping:
    """The transform from such pixels to sRGB.

    Args:
        chromaticities: of white, red, green and blue of the encoded pixels.
        hlg: hybrid log-gamma (ITU-R BT.2100), else perceptual quantiser (SMPTE ST 2084).
        peak: luminance of the brightest pixel, nits; 0 where it is not known.
    """
    levels = np.arange(256) / 255
    highest = _USUAL_PEAK_NITS if hlg or not _WHITE_NITS <= peak <= _MOST_NITS else peak
    to_bt2020 = np.linalg.solve(_FROM_BT2020_TO_XYZ, xyz_of_primaries(chromaticities))
    return ToneMapping(
        light=(_scene_light(levels) if hlg else _perceptual_light(levels)).astype(np.float32),
        hlg=hlg,
        to_bt2020=to_bt2020.astype(np.float32),
        curve=_curve(highest / _WHITE_NITS).astype(np.float32),
        srgb=_srgb(np.arange(_STEPS + 1) / _STEPS),
    )


def _perceptual_light(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of ST 2084, 1 for diffuse white."""
    power = encoded ** (1 / 78.84375)
    light = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    nits: NDArray[np.float64] = light * _MOST_NITS
    return nits / _WHITE_NITS


def _scene_light(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of BT.2100's HLG transfer, 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(encoded <= 0.5, encoded**2 / 3, (np.exp((encoded - c) / a) + b) / 12)  # noqa: PLR2004


def _curve(peak: float) -> NDArray[np.float64]:
    """[2, n]: where the largest channel, from 0 to the peak, ends up between 0 and 1."""
    if peak <= 1:
        return np.array([[0.0, _MOST_NITS], [0.0, _MOST_NITS]])
    white = 1 - 0.5 * min(np.log2(peak) / np.log2(_USUAL_PEAK_NITS / _WHITE_NITS), 1.0)
    middle_x, middle_y = 1 - _KNEE + _KNEE / white, (1 - _KNEE) * white + _KNEE
    t = np.linspace(0, 1, 1_024)
    x = (1 - t) ** 2 + 2 * t * (1 - t) * middle_x + t**2 * peak
    y = (1 - t) ** 2 * white + 2 * t * (1 - t) * middle_y + t**2
    return np.array([[0.0, *x], [0.0, *y]])


def _srgb(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004
    levels: NDArray[np.uint8] = np.rint(encoded * 255).astype(np.uint8)
    return levels
