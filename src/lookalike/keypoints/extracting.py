"""Pixels to keypoints: SIFT's detector and descriptors (Lowe 2004)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.keypoints.codes import signs
from lookalike.keypoints.points import Keypoints
from lookalike.keypoints.scaling import scaled
from lookalike.on_demand import load
from lookalike.types import Pixels

_MISSING = "keypoints need OpenCV: pip install 'lookalike[keypoints]'"
RECIPE = 1
"""Of the code between a picture and its stored keypoints. Raise it when they would change: they are then made again."""

_SHORTEST = 16
"""Sides below this, pixels, hold no keypoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How closely a picture is looked at.

    Attributes:
        side: the longer side, pixels, that a picture is scaled down to.
        most: keypoints that are kept, the strongest.
        contrast: below which a keypoint is left out; SIFT's own default is 0.04.
    """

    side: int
    most: int
    contrast: float = 0.01


STORED = Detail(side=320, most=150)
"""Of the images of a library."""

ASKED = Detail(side=480, most=300)
"""Of a query, which is looked at once, and against images that may show it at any size."""


def extract(pixels: Pixels, detail: Detail) -> Keypoints:
    """The strongest keypoints of a picture; the same pixels always give the same.

    Args:
        pixels: [height, width, 3] uint8, upright RGB.
        detail: how closely to look.

    Raises:
        DependencyMissing: OpenCV is not installed.
    """
    opencv = load("cv2", otherwise=_MISSING)
    grey = _grey(pixels, detail.side)
    height, width = grey.shape
    sift = opencv.SIFT_create(nfeatures=detail.most, contrastThreshold=detail.contrast)
    found, descriptors = sift.detectAndCompute(grey, None) if min(grey.shape) >= _SHORTEST else ((), None)
    if descriptors is None:
        return Keypoints.of(size=(width, height), **_nothing())
    order = sorted(range(len(found)), key=lambda place: (-found[place].response, place))[: detail.most]
    strongest = [found[place] for place in order]
    return Keypoints.of(
        size=(width, height),
        places=np.array([one.pt for one in strongest]),
        scales=np.array([one.size for one in strongest]),
        angles=np.array([one.angle for one in strongest]),
        bits=signs(descriptors[order]),
    )


def _grey(pixels: Pixels, side: int) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels).convert("L")
    return np.asarray(scaled(image, side, Image.Resampling.LANCZOS) if max(image.size) > side else image)


def _nothing() -> dict[str, Any]:
    return {"places": np.zeros((0, 2)), "scales": np.zeros(0), "angles": np.zeros(0), "bits": np.zeros((0, 128), bool)}
