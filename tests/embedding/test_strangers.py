import hashlib

import numpy as np

from lookalike.embedding import open_encoder
from lookalike.embedding.strangers import stranger_pictures, stranger_vectors


def test_there_are_64_pictures_always_the_same_and_no_two_alike():
    first, second = ([hashlib.sha256(pixels.tobytes()).digest() for pixels in stranger_pictures()] for _ in range(2))
    assert first == second
    assert len(set(first)) == 64
    assert {(pixels.shape, pixels.dtype) for pixels in stranger_pictures()} == {((256, 256, 3), np.dtype(np.uint8))}


def test_their_vectors_are_unit_rows_of_the_model(tiny):
    with open_encoder("tiny", models=tiny) as encoder:
        vectors = stranger_vectors(encoder)
        assert vectors.shape == (64, encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.median(vectors @ vectors.T) < 0.9
