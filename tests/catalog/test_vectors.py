import numpy as np
import pytest

from lookalike.catalog import LiveModel, content_id
from lookalike.columns import image_row
from lookalike.errors import VectorsRefused
from lookalike.types import Visibility

OTHER = "6" * 64


def test_vectors_come_back_as_near_as_float16_keeps_them(library, catalog):
    vector = library.unit(3, dimension=256)
    image_id = library.add("a", vector=vector)
    found = catalog.vectors.get(library.fingerprint, [image_id, "0" * 32])
    assert found.keys() == {image_id}
    assert found[image_id].dtype == np.float32
    np.testing.assert_array_equal(found[image_id], vector.astype(np.float16).astype(np.float32))
    assert catalog.vectors.get(OTHER, [image_id]) == {}


def test_blocks_hold_every_live_image_in_order_of_id(library, catalog):
    hidden = library.add("hidden", vector=library.unit("hidden"), visibility=Visibility.PRIVATE)
    blocked = library.add("blocked", vector=library.unit("blocked"), visibility=Visibility.BLOCKED)
    gone = library.add("gone", vector=library.unit("gone"))
    library.add("without")
    wanted = {hidden: library.unit("hidden"), blocked: library.unit("blocked")}
    for n in range(20):
        wanted[library.add(f"{n}", vector=library.unit(n))] = library.unit(n)
    catalog.images.delete(gone)
    blocks = list(catalog.vectors.blocks(library.fingerprint, block=6))
    assert [len(block.image_ids) for block in blocks] == [6, 6, 6, 4]
    assert [image_id for block in blocks for image_id in block.image_ids] == sorted(wanted)
    vectors = np.concatenate([block.vectors for block in blocks])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [wanted[image_id] for image_id in sorted(wanted)], atol=1e-3)
    visibilities = {i: v for block in blocks for i, v in zip(block.image_ids, block.visibilities, strict=True)}
    assert visibilities.pop(hidden) is Visibility.PRIVATE
    assert visibilities.pop(blocked) is Visibility.BLOCKED
    assert set(visibilities.values()) == {Visibility.PUBLIC}
    assert list(catalog.vectors.blocks(OTHER)) == []


def test_what_is_kept_beside_vectors_comes_with_blocks_and_changes(library, catalog):
    colours = np.arange(96, dtype=np.uint8)
    known = {
        library.add("known", vector=library.unit(1), columns=row): row
        for row in [image_row(difference_hash=(1 << 64) - 1, colour_signature=colours)]
    }
    known[library.add("old", vector=library.unit(2), columns=image_row(difference_hash=5))] = image_row(
        difference_hash=5
    )
    (block,) = catalog.vectors.blocks(library.fingerprint)
    assert dict(zip(block.image_ids, block.columns, strict=True)) == known
    assert {
        one.image_id: one.columns for one in catalog.changes.read(after=0, fingerprint=library.fingerprint)
    } == known


def test_what_an_earlier_version_did_not_keep_is_filled_once(library, catalog):
    colours = np.arange(96, dtype=np.uint8)
    old = library.add("old", vector=library.unit(1), columns=image_row(difference_hash=5))
    known = image_row(difference_hash=6, colour_signature=colours)
    library.add("new", vector=library.unit(2), columns=known)
    assert catalog.vectors.images_without(library.fingerprint, limit=9) == []
    (lacking,) = catalog.vectors.images_without(library.fingerprint, limit=9, or_columns=True)
    assert lacking.id == old
    ids, rows = sorted(catalog.images.get_many([old, content_id(b"new")])), np.stack([library.unit(1)] * 2)
    other = image_row(difference_hash=9, colour_signature=colours[::-1])
    catalog.vectors.add(OTHER, ids, rows, np.array([other, other]))
    assert catalog.vectors.images_without(library.fingerprint, limit=9, or_columns=True) == []
    (block,) = catalog.vectors.blocks(library.fingerprint)
    assert dict(zip(block.image_ids, block.columns, strict=True)) == {old: other, content_id(b"new"): known}


def test_blocks_longer_than_one_fetch_are_whole(library, catalog):
    catalog.images.add([library.addition(f"{n}", vector=library.unit(1)) for n in range(2300)])
    blocks = list(catalog.vectors.blocks(library.fingerprint, block=2200))
    assert [block.vectors.shape for block in blocks] == [(2200, 8), (100, 8)]


def test_a_reading_does_not_see_what_is_written_meanwhile(library, catalog):
    first = library.add("a", vector=library.unit(1))
    with catalog.vectors.reading(library.fingerprint) as reading:
        watermark = catalog.changes.sequence()
        second = library.add("b", vector=library.unit(2))
        catalog.images.delete(first)
        assert (reading.state.sequence, reading.size, reading.dimension) == (watermark, 1, 8)
        assert [block.image_ids for block in reading.blocks()] == [[first]]
    assert {change.image_id for change in catalog.changes.read(after=watermark, fingerprint=library.fingerprint)} == {
        first,
        second,
    }
    with catalog.vectors.reading(OTHER) as reading:
        assert (reading.size, reading.dimension, list(reading.blocks())) == (0, None, [])


def test_vectors_of_a_second_model_stand_beside_the_first(library, catalog):
    ids = sorted(library.add(f"{n}", vector=library.unit(n)) for n in range(5))
    broken = library.add("broken", error="truncated")
    assert [image.id for image in catalog.vectors.images_without(OTHER, limit=3)] == ids[:3]
    assert [image.id for image in catalog.vectors.images_without(OTHER, limit=3, after=ids[2])] == ids[3:]
    before = catalog.changes.sequence()
    catalog.vectors.add(OTHER, [*ids[:2], "0" * 32], np.stack([library.unit(n, dimension=4) for n in range(3)]))
    assert [change.image_id for change in catalog.changes.read(after=before, fingerprint=OTHER)] == ids[:2]
    assert [image.id for image in catalog.vectors.images_without(OTHER, limit=9)] == ids[2:]
    assert catalog.counts().vectors == {library.fingerprint: 5, OTHER: 2}
    assert broken not in catalog.vectors.get(OTHER, [broken])


def test_adding_the_same_vector_again_changes_nothing_another_one_does(library, catalog):
    image_id = library.add("a", vector=library.unit(1))
    before = catalog.changes.sequence()
    library.add("a", path="/photos/copy", vector=library.unit(1))
    assert catalog.changes.sequence() == before
    library.add("a", vector=library.unit(2))
    assert catalog.changes.sequence() == before + 1
    np.testing.assert_allclose(
        catalog.vectors.get(library.fingerprint, [image_id])[image_id], library.unit(2), atol=1e-3
    )


@pytest.mark.parametrize("rows", [np.ones((1, 8)), np.full((1, 8), np.inf), np.eye(1, 7), np.ones(8), np.ones((1, 0))])
def test_vectors_that_are_no_unit_rows_of_the_model_are_refused(library, catalog, rows):
    image_id = library.add("a", vector=library.unit(1))
    with pytest.raises(VectorsRefused):
        catalog.vectors.add(library.fingerprint, [image_id], rows.astype(np.float32))
    assert len(catalog.vectors.get(library.fingerprint, [image_id])[image_id]) == 8


def test_the_live_model_is_switched_in_one_step_that_is_remembered(catalog):
    assert catalog.models.live() is None
    assert catalog.models.history() == []
    models = [LiveModel("clip", "1" * 64, 256), LiveModel("lite", "2" * 64, 1280)]
    for model in models:
        catalog.models.set_live(model, because=f"{model.name} is better")
        assert catalog.models.live() == model
    newest, oldest = catalog.models.history()
    assert [newest.model, oldest.model] == models[::-1]
    assert (newest.because, oldest.because) == ("lite is better", "clip is better")
    assert oldest.since <= newest.since
