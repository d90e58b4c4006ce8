"""Training examples: pairs by source, their negatives, mixtures, and the split into training and test."""

from lookalike.training.examples.clicks import ClickPairs, ClickRules, click_pairs, graded_by_clicks
from lookalike.training.examples.example import Example, GradedQuery, Pair, PairSource
from lookalike.training.examples.graded import (
    graded_queries,
    low_graded,
    pairs_by_grade,
    without_low_grades,
)
from lookalike.training.examples.groups import group_numbers, joined_groups, near_duplicate_groups
from lookalike.training.examples.mixture import Ingredient, Mixture
from lookalike.training.examples.negatives import NegativeSampler
from lookalike.training.examples.splits import Part, Split, SplitShares, split

__all__ = [
    "ClickPairs",
    "ClickRules",
    "Example",
    "GradedQuery",
    "Ingredient",
    "Mixture",
    "NegativeSampler",
    "Pair",
    "PairSource",
    "Part",
    "Split",
    "SplitShares",
    "click_pairs",
    "graded_by_clicks",
    "graded_queries",
    "group_numbers",
    "joined_groups",
    "low_graded",
    "near_duplicate_groups",
    "pairs_by_grade",
    "split",
    "without_low_grades",
]
