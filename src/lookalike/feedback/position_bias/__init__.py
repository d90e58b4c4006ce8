"""How likely each place is looked at, estimated from clicks, and what that corrects."""

from lookalike.feedback.position_bias.click_table import ClickTable
from lookalike.feedback.position_bias.correcting import click_weights, corrected_click_rate
from lookalike.feedback.position_bias.curve import METHODS, PositionBias
from lookalike.feedback.position_bias.estimating import estimate_position_bias

__all__ = [
    "METHODS",
    "ClickTable",
    "PositionBias",
    "click_weights",
    "corrected_click_rate",
    "estimate_position_bias",
]
