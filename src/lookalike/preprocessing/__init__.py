"""Bytes to upright RGB pixels to a normalised batch: one path for indexing and queries."""

from lookalike.preprocessing.appearance import colour_signature, difference_hash, hamming, mean_colour
from lookalike.preprocessing.decode import Decoded, OpenedImage, cut, decode
from lookalike.preprocessing.formats import EXTENSIONS, begins_like_an_image, reads, worth_opening
from lookalike.preprocessing.keypoints import picture_keypoints
from lookalike.preprocessing.limits import Limits
from lookalike.preprocessing.thumbnail import THUMBNAIL_MEDIA_TYPE, thumbnail
from lookalike.preprocessing.transform import Prepared, Preparer, Preprocessing, prepare, transform, transform_parts

__all__ = [
    "EXTENSIONS",
    "THUMBNAIL_MEDIA_TYPE",
    "Decoded",
    "Limits",
    "OpenedImage",
    "Prepared",
    "Preparer",
    "Preprocessing",
    "begins_like_an_image",
    "colour_signature",
    "cut",
    "decode",
    "difference_hash",
    "hamming",
    "mean_colour",
    "picture_keypoints",
    "prepare",
    "reads",
    "thumbnail",
    "transform",
    "transform_parts",
    "worth_opening",
]
