"""The model that answers is opened once, and followed by whoever asks."""

import gc
import weakref

import pytest

from doubles import ColourGridEncoder
from lookalike.catalog import Catalog, LiveModel
from lookalike.embedding import LiveModelFollower
from lookalike.errors import LibraryMissing, ModelMissing


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}", originals=tmp_path / "originals") as opened:
        yield opened


def make_live(catalog, name):
    encoder = ColourGridEncoder(name=name)
    model = LiveModel(name=name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)
    catalog.models.set_live(model)
    return model


class Opening:
    """Opens models, and remembers which."""

    def __init__(self):
        self.opened = []

    def __call__(self, model):
        self.opened.append(model.name)
        return ColourGridEncoder(name=model.name)


def test_a_model_is_opened_once_and_the_next_one_when_it_is_live(catalog):
    opening = Opening()
    follower = LiveModelFollower(catalog, open_model=opening)
    make_live(catalog, "a")
    first = follower.encoder()
    assert follower.encoder() is follower.encoder_of(follower.model()) is first
    make_live(catalog, "b")
    assert follower.encoder().name == "b"
    assert opening.opened == ["a", "b"]


def test_the_model_before_is_let_go_of(catalog):
    follower = LiveModelFollower(catalog, open_model=Opening())
    make_live(catalog, "a")
    first = weakref.ref(follower.encoder())
    make_live(catalog, "b")
    follower.encoder()
    gc.collect()
    assert first() is None


def test_what_could_not_be_opened_is_tried_again(catalog):
    makes = Opening()

    def fails_first(model):
        opened = makes(model)
        if len(makes.opened) == 1:
            raise ModelMissing("not pulled yet")
        return opened

    follower = LiveModelFollower(catalog, open_model=fails_first)
    with pytest.raises(LibraryMissing):
        follower.encoder()
    make_live(catalog, "a")
    with pytest.raises(ModelMissing):
        follower.encoder()
    assert follower.encoder().name == "a"
