"""Experiments with two rankers on live queries: what was found, how sure that is, and how many queries it takes."""

from lookalike.feedback.experiments.analysis import Verdict, analyse
from lookalike.feedback.experiments.credit import Credits, credit, satisfied_clicks
from lookalike.feedback.experiments.sample_size import queries_for_interleaving, queries_for_split
from lookalike.feedback.experiments.sequential import AnytimeInterval, anytime_difference, anytime_mean

__all__ = [
    "AnytimeInterval",
    "Credits",
    "Verdict",
    "analyse",
    "anytime_difference",
    "anytime_mean",
    "credit",
    "queries_for_interleaving",
    "queries_for_split",
    "satisfied_clicks",
]
