from typing import Any

import numpy as np
import pytest

from lookalike.embedding import Projection, import_model, open_encoder
from lookalike.errors import TrainingRefused
from lookalike.preprocessing import Limits
from lookalike.progress import Silent
from lookalike.training import adapting
from lookalike.training.adapting import AdaptationContext, AdaptationRecipe, adapt, keeps_axes
from lookalike.training.examples import GradedQuery
from lookalike.training.extractors import EncoderFeatures
from lookalike.training.library import known_images
from parts import Parts
from tiny_model import write_tiny_model


def no_card(_found) -> Any:
    """None is kept."""


@pytest.fixture
def base(tmp_path):
    import_model(write_tiny_model(tmp_path / "source"), models=tmp_path / "models")
    with open_encoder("tiny", models=tmp_path / "models") as encoder:
        yield EncoderFeatures(encoder, tmp_path / "models")


@pytest.fixture
def adapted(base, tmp_path):
    """Adapts the tiny model to a library of 40 pictures; returns what came of it."""

    def run(graded=(), base=base, name="mine", **recipe):
        with Parts(tmp_path / "library") as parts:
            for seed in range(40):
                parts.upload(seed)
            context = AdaptationContext(
                catalog=parts.catalog, limits=Limits(), descriptors=tmp_path / "descriptors", progress=Silent()
            )
            return adapt(
                context,
                base,
                known_images(parts.catalog, parts.indexer.model.fingerprint),
                graded(parts) if graded else (),
                AdaptationRecipe(**{"dimension": 8, "resamples": 50, **recipe}),
                name=name,
                card=no_card,
            )

    return run


def test_the_new_model_serves_vectors_of_the_dimension_asked_for(adapted, tmp_path):
    found = adapted()
    assert (found.images, found.judged, dict(found.refused)) == (40, (), {})
    assert found.made.status.description.dimension == 8
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        vectors = encoder.encode(np.zeros((2, 3, 32, 32), np.float32))
    assert vectors.shape == (2, 8)


def test_it_is_judged_by_grades_from_which_nothing_was_learnt(adapted):
    def graded(parts):
        ids = sorted(image.id for image in parts.catalog.images.browse(limit=100).images)
        return [GradedQuery(query=ids[row], images=(ids[row + 1],), grades=(5,)) for row in range(0, 20, 2)]

    (judged,) = adapted(graded).judged
    assert len(judged.held_out.judgements.grades) == 10
    assert all(0 <= found.first <= 1 and 0 <= found.second <= 1 for found in judged.comparisons.values())


def test_too_few_images_for_a_dimension_are_refused(adapted, tmp_path):
    with pytest.raises(TrainingRefused, match="40 images are too few to fit 16 dimensions: index at least 64"):
        adapted(dimension=16)
    assert not (tmp_path / "models" / "mine").exists()


def test_a_model_with_axes_of_its_own_keeps_them_beside_those_of_the_library(adapted, monkeypatch, tmp_path):
    adapted()
    with open_encoder("mine", models=tmp_path / "models") as encoder:
        mine = EncoderFeatures(encoder, tmp_path / "models")
        monkeypatch.setattr(adapting, "FEWEST_TO_FIT", 30)
        adapted(base=mine, name="beside")
    own, beside = (Projection.load(tmp_path / "models" / name / "projection.npz") for name in ("mine", "beside"))
    assert beside.matrix.shape == own.matrix.shape
    assert not np.array_equal(beside.matrix, own.matrix)


def test_only_a_model_with_axes_of_its_own_keeps_them(base):
    assert base.projection is None
    assert not keeps_axes(base, images=10, dimension=32)
