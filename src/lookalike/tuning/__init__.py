"""Measuring indexes on a library's own vectors, and choosing the one that keeps to what somebody asked for."""

from lookalike.snapshot import Goals
from lookalike.tuning.choosing import best_of, front_of
from lookalike.tuning.measuring import Measurement
from lookalike.tuning.quantities import parsed_bytes, parsed_seconds, spoken_bytes, spoken_seconds
from lookalike.tuning.sample import FEWEST_IMAGES, Sample
from lookalike.tuning.tuner import Tuning, candidates, choice_of, tune
from lookalike.tuning.words import spoken_name, spoken_parameters

__all__ = [
    "FEWEST_IMAGES",
    "Goals",
    "Measurement",
    "Sample",
    "Tuning",
    "best_of",
    "candidates",
    "choice_of",
    "front_of",
    "parsed_bytes",
    "parsed_seconds",
    "spoken_bytes",
    "spoken_name",
    "spoken_parameters",
    "spoken_seconds",
    "tune",
]
