"""Descriptors of images of several kinds, in which what is loud says nothing of the kind."""

import numpy as np

from lookalike.training.examples import GradedQuery
from lookalike.training.network.batches import HeadData

KINDS, EACH, WIDTH = 12, 20, 24


def descriptors(seed=0):
    """[240, 24]: eight directions say which of twelve kinds it is, in a low voice; sixteen shout about nothing."""
    chance = np.random.default_rng(seed)
    kinds = np.arange(KINDS * EACH) % KINDS
    centres = np.random.default_rng(99).normal(size=(KINDS, 8))
    quiet = centres[kinds] + 0.3 * chance.normal(size=(len(kinds), 8))
    loud = 3 * chance.normal(size=(len(kinds), WIDTH - 8))
    return np.concatenate([quiet, loud], axis=1).astype(np.float32), kinds


def share_right(vectors, kinds, k=5):
    """Of the k nearest of each image, how many are of its kind."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    return float((kinds[nearest] == kinds[:, None]).mean())


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ids(count=KINDS * EACH):
    return [f"image{number:04}" for number in range(count)]


def graded(kinds, names):
    return [
        GradedQuery(
            query=name,
            images=tuple(other for other in names if other != name),
            grades=tuple(4 * int(kinds[row] == kinds[other]) for other in range(len(names)) if other != row),
        )
        for row, name in enumerate(names)
    ]


def data(features, groups=None):
    return HeadData(image_ids=ids(len(features)), features=features, groups=groups or {})
