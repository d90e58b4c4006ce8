"""What a head starts from."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lookalike.neighbors import unit_rows
from lookalike.progress import Silent
from lookalike.training.examples import ClickPairs, Part, Split
from lookalike.training.network.describing import describe
from lookalike.training.network.extractors import NetworkFeatures
from lookalike.training.network.source_kinds import Examples, Labels
from lookalike.training.recipes import HeadRecipe
from lookalike.training.whitening import fit_whitening

IMAGES, WIDTH, DIMENSION = 400, 24, 6


class Features(NetworkFeatures):
    """The network's features, whitened, without a network."""

    def __init__(self):
        self.base, self.encoder = "network", cast("Any", SimpleNamespace(name="network"))

    def least_images(self, dimension):
        return 4 * DIMENSION

    def learn(self, described, dimension=None):
        self._start = fit_whitening(described, DIMENSION, 1.0)

    def inputs(self, described):
        return described


@pytest.fixture
def world():
    """Images whose whitened features hide the first one, which is all that the model that answers sees."""
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((IMAGES, WIDTH)) * np.linspace(1.0, 3.0, WIDTH)).astype(np.float32)
    ids = [f"{number:03}" for number in range(IMAGES)]
    by_base = dict(zip(ids, unit_rows(features[:, :2]).astype(np.float32), strict=True))
    library = SimpleNamespace(
        pictures=None,
        describe=lambda rows, _advance: SimpleNamespace(
            rows=tuple(rows), features=features[[int(row.image_id) for row in rows]], refused={}
        ),
    )
    context = SimpleNamespace(
        described_by=lambda _: library,
        catalog=SimpleNamespace(vectors=SimpleNamespace(get=lambda _, ids: {one: by_base[one] for one in ids})),
        progress=Silent(),
    )
    division = SimpleNamespace(
        images=Split(parts=dict.fromkeys(ids, Part.TRAIN)), groups={one: one for one in ids}, crops={}
    )
    known = SimpleNamespace(image_ids=tuple(ids))
    return context, division, known, np.stack(list(by_base.values()))


def started(world, source):
    """[images, dimension], vectors of the start."""
    context, division, known, _ = world
    nothing: dict[str, Any] = dict.fromkeys(
        ["clicks", "used", "simulated", "by_bots", "on_own", "without_image", "repeated", "too_few"], 0
    )
    labels = Labels(clicks=ClickPairs(pairs=(), **nothing))
    base: Any = SimpleNamespace(encoder=SimpleNamespace(fingerprint="base"), base="base")
    examples = Examples(known=known, labels=labels, pairs=())
    made = describe(context, Features(), examples, division, HeadRecipe(shares={source: 1.0}), base=base)
    return unit_rows(made.features @ made.start.matrix)


def test_a_head_that_learns_from_clicks_starts_beside_the_model_that_answers(world):
    pairs = np.triu_indices(IMAGES, 1)
    before = (world[-1] @ world[-1].T)[pairs]
    agreement = {
        source: np.corrcoef((vectors @ vectors.T)[pairs], before)[0, 1]
        for source, vectors in ((source, started(world, source)) for source in ("clicks", "grades"))
    }
    assert agreement["clicks"] > 0.5
    assert agreement["clicks"] > agreement["grades"] + 0.4
    assert started(world, "clicks").shape == (IMAGES, DIMENSION)
