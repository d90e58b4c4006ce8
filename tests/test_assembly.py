"""A library's parts follow another process that moves it to another model."""

import gc
import weakref

import pytest

from doubles import picture
from lookalike.assembly import open_library
from lookalike.embedding import import_model, remove_model
from lookalike.retrieval import Query
from lookalike.settings import load_settings
from parts import write_pictures
from tiny_model import write_tiny_model


@pytest.fixture
def settings(tmp_path):
    models = tmp_path / "models"
    for name, dimension in (("tiny", 32), ("other", 24)):
        import_model(write_tiny_model(tmp_path / name, name=name, dimension=dimension), models=models)
    return load_settings({"library": tmp_path / "library", "models": models, "model": "tiny"}, environment={})


@pytest.fixture
def photos(tmp_path):
    return write_pictures(tmp_path / "photos", range(6))


def move_to_other(settings, photos):
    """As another process would."""
    with open_library(settings, model="other") as elsewhere:
        elsewhere.indexer.index([photos])
        return elsewhere.indexer.model


@pytest.fixture
def serving(settings, photos):
    """A library that answers with the first model."""
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
        library.engine.search(Query(content=picture(0)))
        assert library.services.indexer is library.indexer
        yield library


def test_uploads_go_on_after_another_process_changed_the_model(serving, settings, photos):
    moved = move_to_other(settings, photos)
    image, created = serving.services.indexer.add_upload(picture(60), name="late.png")
    assert created
    assert serving.catalog.vectors(moved.fingerprint, [image.id]).keys() == {image.id}
    assert serving.engine.search(Query(content=picture(60))).hits


def test_the_old_model_is_freed_when_nothing_uses_it(serving, settings, photos):
    old = weakref.ref(serving.encoder)
    moved = move_to_other(settings, photos)
    serving.services.indexer.add_upload(picture(60), name="late.png")
    while serving.engine.search(Query(content=picture(0))).generation[:8] != moved.fingerprint[:8]:
        pass
    gc.collect()  # a thread that has just ended may hold a frame
    assert old() is None
    assert serving.encoder.fingerprint == moved.fingerprint


def test_a_model_that_was_asked_for_stays(settings, photos):
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
    with open_library(settings, model="other") as library:
        library.engine.search(Query(content=picture(0)))
        assert (library.indexer.model.name, library.catalog.live_model().name) == ("other", "tiny")


def test_stored_vectors_are_published_without_their_model(settings, photos):
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
    remove_model("tiny", models=settings.models)
    with open_library(settings) as library:
        live = library.catalog.live_model()
        assert live is not None
        assert library.publisher.publish(live).manifest.size == 6
