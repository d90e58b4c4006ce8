import numpy as np
import pytest

from lookalike.embedding import derive_model, fit_projection, open_encoder
from lookalike.embedding.projection import to_vectors
from lookalike.errors import ModelMissing, ModelRefused


@pytest.fixture
def projection(tiny, images):
    with open_encoder("tiny", models=tiny) as encoder:
        return fit_projection(encoder.descriptors(images(40)), dimension=8)


def test_a_derived_model_is_its_base_with_another_projection(tiny, images, projection):
    status = derive_model("tiny", "mine", projection, summary='fitted on "my" pictures\n', models=tiny)
    assert (status.pulled, status.description.dimension, status.description.licence) == (True, 8, "CC0-1.0")
    batch = images(5, seed=3)
    with open_encoder("tiny", models=tiny) as base, open_encoder("mine", models=tiny) as derived:
        assert derived.preprocessing == base.preprocessing
        assert derived.fingerprint != base.fingerprint
        assert np.array_equal(derived.descriptors(batch), base.descriptors(batch))
        assert np.allclose(derived.encode(batch), to_vectors(base.descriptors(batch), projection), atol=2e-3)
        assert derived.reference_cosines is not None


def test_it_can_be_fitted_again_under_its_name(tiny, images, projection):
    first = derive_model("tiny", "mine", projection, summary="", models=tiny)
    with open_encoder("tiny", models=tiny) as encoder:
        other = fit_projection(encoder.descriptors(images(40, seed=9)), dimension=4)
    second = derive_model("tiny", "mine", other, summary="", models=tiny)
    assert second.description.dimension == 4
    assert first.fingerprint != second.fingerprint


def test_what_cannot_be_derived_is_said_and_leaves_nothing(tiny, projection):
    before = sorted(tiny.iterdir())
    with pytest.raises(ModelRefused, match="choose another name"):
        derive_model("tiny", "tiny", projection, summary="", models=tiny)
    with pytest.raises(ModelRefused, match="included in lookalike"):
        derive_model("tiny", "clip-vit-b16", projection, summary="", models=tiny)
    with pytest.raises(ModelMissing, match="models pull clip-vit-b16"):
        derive_model("clip-vit-b16", "mine", projection, summary="", models=tiny)
    with pytest.raises(ModelRefused, match="use 1 to 64"):
        derive_model("tiny", "../mine", projection, summary="", models=tiny)
    wrong = fit_projection(np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32), dimension=4)
    with pytest.raises(ModelRefused, match="the projection takes 7"):
        derive_model("tiny", "mine", wrong, summary="", models=tiny)
    assert sorted(path for path in tiny.iterdir() if path.suffix != ".lock") == [
        path for path in before if path.suffix != ".lock"
    ]
