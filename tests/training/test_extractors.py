import numpy as np
import pytest

from lookalike.embedding import import_model, open_encoder
from lookalike.errors import InternalFault, TrainingRefused
from lookalike.training.extractors import EncoderFeatures, learnt_start
from tiny_model import write_tiny_model


@pytest.fixture
def features(tmp_path):
    """A model without a projection of its own."""
    import_model(write_tiny_model(tmp_path / "source"), models=tmp_path / "models")
    with open_encoder("tiny", models=tmp_path / "models") as encoder:
        yield EncoderFeatures(encoder, tmp_path / "models")


def described(images):
    return np.random.default_rng(0).normal(size=(images, 32)).astype(np.float32)


def test_a_model_without_a_projection_starts_from_its_descriptors_as_they_are(features):
    assert (features.base, features.licence) == ("tiny", "CC0-1.0")
    features.learn(described(10))
    np.testing.assert_array_equal(features.start.matrix, np.eye(32))
    assert not features.start.mean.any()
    assert features.least_images(None) == features.least_images(32) == 0


def test_another_dimension_starts_from_a_whitening_which_needs_enough_images(features):
    assert features.least_images(8) == 32
    features.learn(described(64), 8)
    assert features.start.matrix.shape == (32, 8)
    with pytest.raises(TrainingRefused, match="31 images are too few to fit 8 dimensions"):
        features.learn(described(31), 8)


def test_a_start_that_was_not_learnt_is_our_mistake(features):
    with pytest.raises(InternalFault, match="before it was learnt"):
        learnt_start(None)


def test_what_becomes_of_it_is_a_model_that_serves_the_projection(features, tmp_path):
    features.learn(described(64), 8)
    made = features.become(
        "smaller", features.start, summary="", pictures=np.empty((0, 3, 1, 1)), files=tmp_path, card=None
    )
    assert made.status.description.dimension == 8
    with open_encoder("smaller", models=tmp_path / "models") as encoder:
        assert encoder.encode(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 8)
