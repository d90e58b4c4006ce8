import numpy as np
import pytest

from lookalike.embedding.projection import to_vectors
from lookalike.errors import TrainingRefused
from lookalike.training.whitening import fit_whitening
from training.kinds import WIDTH, descriptors, share_right, unit


def test_whitening_without_shrinkage_makes_every_direction_equally_strong():
    rows, _ = descriptors()
    fitted = fit_whitening(rows, WIDTH, shrinkage=0.0)
    made = (rows - fitted.mean).astype(np.float64) @ fitted.matrix
    covariance = np.cov(made.T)
    assert np.allclose(covariance / np.trace(covariance) * WIDTH, np.eye(WIDTH), atol=0.02)


def test_whitening_lets_a_low_voice_be_heard():
    rows, kinds = descriptors()
    before = share_right(unit(rows - rows.mean(axis=0)), kinds)
    assert share_right(to_vectors(rows, fit_whitening(rows, WIDTH, shrinkage=0.1)), kinds) > before + 0.1


@pytest.mark.parametrize(
    ("count", "dimension", "words"), [(240, 25, "from 1 to the 24"), (240, 0, "from 1"), (40, 11, "index at least 44")]
)
def test_whitening_what_cannot_be_whitened_is_refused(count, dimension, words):
    with pytest.raises(TrainingRefused, match=words):
        fit_whitening(descriptors()[0][:count], dimension)
