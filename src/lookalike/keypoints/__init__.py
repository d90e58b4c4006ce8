"""Keypoints: the distinctive details of a picture, by which the very same thing is recognised in another one."""

from lookalike.keypoints.alignment import Alignment
from lookalike.keypoints.extracting import ASKED, RECIPE, STORED, Detail, extract
from lookalike.keypoints.points import Keypoints
from lookalike.keypoints.scaling import scaled
from lookalike.keypoints.verifying import Rule, aligned, same_thing

__all__ = [
    "ASKED",
    "RECIPE",
    "STORED",
    "Alignment",
    "Detail",
    "Keypoints",
    "Rule",
    "aligned",
    "extract",
    "same_thing",
    "scaled",
]
