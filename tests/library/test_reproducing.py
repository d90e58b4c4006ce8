from types import SimpleNamespace

import numpy as np
import pytest

from doubles import ColourGridEncoder
from lookalike.errors import ModelMissing, VectorsRefused
from lookalike.library.reproducing import least_cosine, require_reproduced
from lookalike.preprocessing import Limits
from parts import Parts, write_pictures


class Drifted(ColourGridEncoder):
    """The same model, as another runtime would compute it that gets a number wrong."""

    def encode(self, batch):
        vectors = super().encode(batch) + np.eye(1, self.dimension, dtype=np.float32) * 0.05
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def parts(tmp_path):
    with Parts(tmp_path / "library") as made:
        yield made


def library_of(parts, encoder):
    follower = SimpleNamespace(encoder_of=lambda _: encoder)
    return SimpleNamespace(
        catalog=parts.catalog, live_model=follower, limits=Limits(), require_live=parts.catalog.models.live
    )


def test_a_model_that_reproduces_the_stored_vectors_may_answer(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(6))])
    library = library_of(parts, ColourGridEncoder())
    assert (least_cosine(library) or 0.0) > 0.99999
    require_reproduced(library)


def test_a_model_that_computes_something_else_is_refused(parts, tmp_path):
    photos = write_pictures(tmp_path / "photos", range(6))
    parts.indexer.index([photos])
    library = library_of(parts, Drifted())
    with pytest.raises(VectorsRefused, match=r"gives images of this library other vectors"):
        require_reproduced(library)
    for file in photos.iterdir():
        file.unlink()
    assert least_cosine(library) is None  # nothing to compare with
    require_reproduced(library)


def test_a_server_may_wait_for_a_model_that_is_not_here_yet(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(6))])
    library = library_of(parts, ColourGridEncoder())

    def missing(_):
        raise ModelMissing("not on this machine")

    library.live_model.encoder_of = missing
    require_reproduced(library)
