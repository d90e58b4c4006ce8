"""No image that is not public is in anything that a stranger can read, whatever was changed before.

Each line of `MUTATIONS` takes one of the filters out that hold this, and must make the property fail: otherwise nothing
would tell when somebody takes it out by mistake.
"""

import pytest

from lookalike.catalog import collections, images, moderation, recent
from lookalike.catalog.changing import Changing
from lookalike.retrieval import engine as answering
from lookalike.retrieval import view as searching
from lookalike.types import ModerationState
from serving.leaking import World, leaks, random_steps, walk


@pytest.fixture
def world(library, client_of):
    return World(library, client_of)


def test_a_stranger_reads_nothing_of_hidden_images(world):
    assert leaks(world) == []  # with cursors that are followed later
    for what, number in [
        ("publish", 0), ("block", 2), ("hold", 1), ("show", 1), ("tag", 3), ("delete", 0), ("restart", 0), ("show", 1),
    ]:  # fmt: skip
        world.step(what, number)
    assert leaks(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_stranger_reads_nothing_after_any_steps(world, seed):
    assert walk(world, random_steps(seed, 25)) is None


def everything(found):
    return {image.id: image for image in found}


def any_visibility(function):
    """The same function, asked for every visibility."""
    return lambda *arguments, **options: function(*arguments, **{**options, "visibility": None})


MUTATIONS = {
    "hits and pages are not looked at again": (answering, "visible", everything),
    "the mask does not follow the catalog": (
        searching.View, "_with", lambda self, _: self,
    ),
    "records are given whatever their visibility": (images, "read_images", any_visibility(images.read_images)),
    "lists are not filtered": (images, "_filters", lambda *_, **__: []),
    "thumbnails and records are kept when an image is hidden": (
        recent.RecentImages, "at", lambda self, _: self._kept[1],
    ),
    "what moderation holds is not hidden": (ModerationState, "hides", property(lambda _: False)),
    "whoever may change an image shows what moderation holds": (moderation, "wish", lambda *arguments: arguments[-1]),
    "a change of an image that waits is forgotten by caches": (
        Changing, "touch", lambda *_: None,
    ),
}  # fmt: skip

FIRST = [("hide", 2), ("block", 3), ("hold", 1), ("show", 1), ("publish", 0), ("tag", 1)]


def told(found):
    """What leaked behind which step, for `benchmarks/leaks.py`."""
    (step, number), leaked = found
    return f"`{step} {number}`: {leaked[0][0]}"


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_filter_that_is_taken_out_is_noticed(world, monkeypatch, record_property, mutation):
    assert leaks(world) == []
    monkeypatch.setattr(*MUTATIONS[mutation])
    found = walk(world, [*FIRST, *random_steps(1, 10)])
    assert found is not None
    record_property(mutation, told(found))


def test_a_held_image_that_is_not_hidden_is_noticed(world, monkeypatch):
    """The short version of the mutations, which are slow."""
    monkeypatch.setattr(*MUTATIONS["what moderation holds is not hidden"])
    assert walk(world, [("hold", 1)]) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["read_images_of", "read_collections"])
def test_a_filter_of_collections_that_is_taken_out_is_noticed(world, monkeypatch, record_property, name):
    """The filters of collections stand in SQL: here each image is public while a collection is read."""
    world.step("collect", 5)
    assert leaks(world) == []
    original = getattr(collections, name)

    def unfiltered(_, *arguments, **options):
        with world.library.catalog.database.engine.connect() as connection:
            connection.exec_driver_sql("UPDATE images SET visibility = 'public'")
            found = original(connection, *arguments, **options)
            connection.rollback()
        return found

    monkeypatch.setattr(collections, name, unfiltered)
    found = walk(world, [("hide", 2), ("block", 3), ("hold", 1)])
    assert found is not None
    record_property(f"images of collections are not filtered (`{name}`)", told(found))
