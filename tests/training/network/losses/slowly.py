"""Losses as plain loops over the formulas of their papers."""

import math

import numpy as np
import pytest
import torch

CLOSE = 1e-5


EXACT = 1e-9  # double precision against double precision


def vectors(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def near(value, expected, tolerance=EXACT):
    return float(value) == pytest.approx(float(expected), abs=tolerance)


def alike(query, candidate, similarity):
    """Plain Python."""
    query, candidate = query.tolist(), candidate.tolist()
    if similarity == "euclidean":
        return -math.dist(query, candidate)
    product = sum(q * c for q, c in zip(query, candidate, strict=True))
    return product if similarity == "dot" else product / (math.hypot(*query) * math.hypot(*candidate))


def slow_cross_entropy(query, candidates, wanted, *, similarity="cosine", temperature=0.1, left_out=()):
    """One query; `wanted` maps the index of a candidate to its share of probability."""
    kept = [place for place in range(len(candidates)) if place not in left_out or place in wanted]
    scores = {place: math.exp(alike(query, candidates[place], similarity) / temperature) for place in kept}
    return -sum(share * math.log(scores[place] / sum(scores.values())) for place, share in wanted.items())
