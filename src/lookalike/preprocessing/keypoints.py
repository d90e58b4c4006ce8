"""Bytes to the keypoints of a picture, or of a part of it."""

import numpy as np

from lookalike.keypoints import Detail, Keypoints, extract
from lookalike.preprocessing.decode import WHOLE, OpenedImage, side_for
from lookalike.preprocessing.limits import DEFAULT_LIMITS, Limits
from lookalike.types import Box


def picture_keypoints(
    content: bytes, detail: Detail, *, name: str, limits: Limits = DEFAULT_LIMITS, crop: Box | None = None
) -> Keypoints:
    """Decode, cut and look for keypoints; the same bytes always give the same.

    Args:
        content: the file.
        detail: how closely to look.
        name: what the caller calls the image, for messages.
        limits: tested before decoding.
        crop: part of the upright image; None is all of it.

    Raises:
        ImageRefused: the bytes are not an acceptable image.
        CropRefused: the crop leaves the image.
        DependencyMissing: OpenCV is not installed.
    """
    opened = OpenedImage(content, name=name, limits=limits)
    part = (crop or WHOLE).as_fractions(opened.width, opened.height)
    sides = part.width * opened.width, part.height * opened.height
    shorter = max(round(detail.side * min(sides) / max(sides)), 1)
    image = opened.rgb(side_for(opened.width, opened.height, part, shorter))
    box = part.pixels(*image.size)
    return extract(np.asarray(image.crop((box.left, box.top, box.right, box.bottom))), detail)
