"""A library's parts follow another process that moves it to another model."""

import gc
import weakref

import pytest

from doubles import picture
from lookalike.embedding import import_model, registry, remove_model
from lookalike.errors import LibraryOutdated
from lookalike.library.opening import open_library
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
    with open_library(settings) as elsewhere:
        indexer = elsewhere.indexer_for(elsewhere.open_model("other"))
        indexer.index([photos])
        return indexer.model


@pytest.fixture
def serving(settings, photos):
    """A library that answers with the first model."""
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
        library.engine.search(Query.picture(picture(0)))
        yield library


def test_uploads_go_on_after_another_process_changed_the_model(serving, settings, photos):
    moved = move_to_other(settings, photos)
    image, created = serving.indexer.add_upload(picture(60), name="late.png")
    assert created
    assert serving.catalog.vectors.get(moved.fingerprint, [image.id]).keys() == {image.id}
    assert serving.engine.search(Query.picture(picture(60))).hits


def test_the_old_model_is_freed_when_nothing_uses_it(serving, settings, photos):
    old = weakref.ref(serving.encoder)
    moved = move_to_other(settings, photos)
    serving.indexer.add_upload(picture(60), name="late.png")
    while serving.engine.search(Query.picture(picture(0))).generation[:8] != moved.fingerprint[:8]:
        pass
    gc.collect()  # a thread that has just ended may hold a frame
    assert old() is None
    assert serving.encoder.fingerprint == moved.fingerprint


@pytest.fixture
def earlier_recipe(monkeypatch):
    """Makes an earlier version of lookalike of this one while it lasts."""
    with monkeypatch.context() as patch:
        patch.setitem(registry._fingerprint.__kwdefaults__, "recipe", 1)
        yield patch


def test_a_library_of_an_earlier_recipe_says_so_and_is_embedded_again(settings, photos, earlier_recipe):
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
        old = library.indexer.model
        image_ids = [
            image_id for block in library.catalog.vectors.blocks(old.fingerprint) for image_id in block.image_ids
        ]
    earlier_recipe.undo()
    with open_library(settings) as library, pytest.raises(LibraryOutdated, match="lookalike index FOLDER"):
        library.engine.search(Query.picture(picture(0)))
    with open_library(settings) as library, pytest.raises(LibraryOutdated):
        library.indexer.add_upload(picture(60), name="x.png")
    with open_library(settings) as library:
        outdated = library.is_outdated(library.encoder)
        report = library.indexer.index([photos])
        new = library.catalog.models.live()
        assert (outdated, library.is_outdated(library.encoder)) == (True, False)
        assert (new.name, report.unchanged, report.embedded) == ("tiny", 6, 6)
        assert new.fingerprint != old.fingerprint
        assert library.catalog.vectors.get(new.fingerprint, image_ids).keys() == set(image_ids)
        assert library.engine.search(Query.picture(picture(0))).generation.startswith(new.fingerprint[:8])


def test_an_indexer_for_another_model_leaves_the_live_one_alone(settings, photos):
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
    with open_library(settings) as library:
        other = library.indexer_for(library.open_model("other"))
        other.embed_known()
        library.engine.search(Query.picture(picture(0)))
        assert (other.model.name, library.indexer.model.name) == ("other", "tiny")
        assert library.catalog.models.live().name == "tiny"


def test_stored_vectors_are_published_without_their_model(settings, photos):
    with open_library(settings, create=True) as library:
        library.indexer.index([photos])
    remove_model("tiny", models=settings.models)
    with open_library(settings) as library:
        live = library.catalog.models.live()
        assert live is not None
        assert library.publisher.publish(live).manifest.size == 6
