"""The watermark: replaying the changes after any of them gives exactly what is there."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from lookalike.catalog import Catalog, schema
from lookalike.types import Visibility

NAMES = [f"image-{n}" for n in range(6)]
PATHS = [f"/photos/{n}" for n in range(5)]
OTHER = "6" * 64

one_name = st.sampled_from(NAMES)
one_path = st.sampled_from(PATHS)
operations = st.one_of(
    st.tuples(st.just("index"), st.lists(st.tuples(one_name, one_path, st.booleans()), max_size=4)),
    st.tuples(st.just("upload"), one_name),
    st.tuples(st.just("delete"), one_name),
    st.tuples(st.just("forget"), st.lists(one_path, max_size=3)),
    st.tuples(st.just("show"), st.tuples(one_name, st.sampled_from(list(Visibility)))),
    st.tuples(st.just("embed"), st.lists(one_name, max_size=3, unique=True)),
)


class Replica:
    """What a reader builds from changes alone: the public images and their vectors."""

    def __init__(self) -> None:
        self.watermark = 0
        self.vectors: dict[str, bytes | None] = {}

    def follow(self, catalog: Catalog, fingerprint: str, *, limit: int) -> None:
        while changes := catalog.changes.read(after=self.watermark, fingerprint=fingerprint, limit=limit):
            assert [change.sequence for change in changes] == sorted({change.sequence for change in changes})
            assert self.watermark < changes[0].sequence
            for change in changes:
                if change.deleted or change.visibility is not Visibility.PUBLIC:
                    self.vectors.pop(change.image_id, None)
                else:
                    self.vectors[change.image_id] = None if change.vector is None else change.vector.tobytes()
            self.watermark = changes[-1].sequence
        assert self.watermark <= catalog.changes.sequence()


def public_truth(catalog: Catalog, fingerprint: str) -> dict[str, bytes | None]:
    ids = [image.id for image in catalog.images.browse(limit=1000, readable=False).images]
    vectors = catalog.vectors.get(fingerprint, ids)
    return {image_id: vectors[image_id].tobytes() if image_id in vectors else None for image_id in ids}


def empty(catalog) -> None:
    """A library of its own for each example, at the price of a few statements."""
    with catalog.database.changing() as change:
        for table in (schema.images, schema.sources, schema.tombstones):
            change.connection.execute(delete(table))
        change.connection.execute(update(schema.change_counter).values(value=0))
    catalog.uploads.collect_orphans()


def perform(library, operation, argument) -> None:
    catalog = library.catalog
    ids = {name: library.addition(name, upload=name.encode()).content_id for name in NAMES}
    live = catalog.images.get_many(list(ids.values()))
    if operation == "index":
        catalog.images.add(
            [library.addition(n, path=path, vector=library.unit(n) if made else None) for n, path, made in argument]
        )
    elif operation == "upload":
        catalog.images.add([library.addition(argument, upload=argument.encode(), restore=True)])
    elif operation == "delete" and ids[argument] in live:
        catalog.images.delete(ids[argument])
    elif operation == "forget":
        catalog.sources.forget(argument)
    elif operation == "show" and ids[argument[0]] in live:
        catalog.images.update(ids[argument[0]], visibility=argument[1])
    elif operation == "embed" and argument:
        catalog.vectors.add(
            library.fingerprint, [ids[name] for name in argument], np.stack([library.unit(n) for n in argument])
        )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(operations, st.booleans()), max_size=25), limit=st.integers(1, 4))
def test_replaying_the_changes_from_any_watermark_gives_what_is_there(library, history, limit):
    catalog, fingerprint = library.catalog, library.fingerprint
    empty(catalog)
    always, joined_late, seen = Replica(), [], []
    always.follow(catalog, fingerprint, limit=1000)
    for (operation, argument), look in history:
        perform(library, operation, argument)
        if look:
            always.follow(catalog, fingerprint, limit=limit)
            seen.append((dict(always.vectors), public_truth(catalog, fingerprint)))
            late = Replica()
            late.watermark, late.vectors = always.watermark, dict(always.vectors)
            joined_late.append(late)
    assert all(found == there for found, there in seen)
    for replica in [always, Replica(), *joined_late]:
        replica.follow(catalog, fingerprint, limit=limit)
        assert replica.vectors == public_truth(catalog, fingerprint)
    blocks = list(catalog.vectors.blocks(fingerprint, block=2))
    in_blocks = {
        image_id: vector.tobytes()
        for block in blocks
        for image_id, vector, visibility in zip(block.image_ids, block.vectors, block.visibilities, strict=True)
        if visibility is Visibility.PUBLIC
    }
    assert in_blocks == {key: vector for key, vector in always.vectors.items() if vector is not None}
    assert catalog.check() == []


def test_a_deleted_image_is_a_change_that_hides_it(library, catalog):
    image_id = library.add("a", vector=library.unit(1))
    after = catalog.changes.sequence()
    catalog.sources.forget(["/photos/a"])
    (change,) = catalog.changes.read(after=after, fingerprint=library.fingerprint)
    assert (change.image_id, change.deleted, change.visibility) == (image_id, True, Visibility.BLOCKED)
    assert change.vector is None
    assert change.sequence == catalog.changes.sequence()


def test_a_change_carries_the_vector_of_the_model_asked_for(library, catalog):
    library.add("a", vector=library.unit(1))
    (change,) = catalog.changes.read(after=0, fingerprint=library.fingerprint)
    np.testing.assert_allclose(change.vector, library.unit(1), atol=1e-3)
    (change,) = catalog.changes.read(after=0, fingerprint=OTHER)
    assert change.vector is None


@pytest.mark.parametrize("store", ["queries", "people", "judgements", "interactions"])
def test_what_does_not_change_an_image_does_not_move_the_watermark(library, catalog, store):
    library.add("a")
    before = catalog.changes.sequence()
    getattr(catalog, store).write([])
    library.ask("q")
    assert catalog.changes.sequence() == before
