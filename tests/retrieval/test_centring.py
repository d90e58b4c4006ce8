"""Vectors are searched without what all pictures of the library have in common, wherever they come from."""

import dataclasses

import numpy as np
import pytest

from doubles import picture
from lookalike.catalog import content_id
from lookalike.embedding import PictureEncoder
from lookalike.errors import CursorRefused
from lookalike.retrieval import ExactRanker, Query
from lookalike.settings import load_settings
from lookalike.snapshot import CENTRE_FROM, Manifest, live_recall, newest
from lookalike.snapshot.manifest import MANIFEST_FILE
from lookalike.types import Box, Visibility
from lookalike.verification import verify_library
from parts import Parts, write_pictures

SEEDS = range(60)
CROP = Box(0.25, 0.25, 0.5, 0.5)
QUERIES = {
    "a picture": Query.picture(picture(900), limit=100),
    "a crop": Query.picture(picture(900), crop=CROP, limit=100),
    "an image": Query.image(content_id(picture(3)), limit=100),
    "an image of the tail": Query.image(content_id(picture(70)), limit=100),
    "a crop of an image": Query.image(content_id(picture(3)), crop=CROP, limit=100),
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Sixty images in a snapshot that is centred, and ten that came later."""
    monkeypatch.setattr("lookalike.indexing.publishing.wanted_cuts", lambda images: images)
    with Parts(tmp_path / "library", centre_from=40) as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", SEEDS)])
        for seed in range(70, 80):
            parts.upload(seed)
        yield parts


def fingerprint(parts):
    return parts.encoders["colour-grid"].fingerprint


def view(parts):
    return parts.engine.ranker.rank(QUERIES["a picture"]).live.view


def stored(parts, seed):
    image_id = content_id(picture(seed))
    return parts.catalog.vectors.get(fingerprint(parts), [image_id])[image_id]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_exact_search_ranks_as_the_index_does(library, query):
    found, exact = (ranker.rank(query).candidates for ranker in (library.engine.ranker, library.engine.exact_ranker()))
    assert len(found) >= 69
    assert found.image_ids == exact.image_ids
    assert found.cosines.tolist() == exact.cosines.tolist()
    assert found.duplicates == exact.duplicates
    hits = library.engine.search(query).hits
    assert [hit.image.id for hit in hits] == list(found.image_ids)
    assert [hit.cosine for hit in hits] == found.cosines.tolist()


def test_cosines_are_those_of_what_pictures_do_not_have_in_common(library):
    vectors = np.array([stored(library, seed) for seed in SEEDS], dtype=np.float64)
    mean = vectors.mean(axis=0)
    apart = vectors - mean
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    by_id = {hit.image.id: hit.cosine for hit in library.engine.search(QUERIES["an image"]).hits}
    for seed in range(4, 60):
        assert by_id[content_id(picture(seed))] == pytest.approx(apart[3] @ apart[seed], abs=2e-3)
    raw = vectors[3] @ vectors[4]
    assert abs(by_id[content_id(picture(4))] - raw) > 0.01


def test_a_row_of_the_tail_is_what_would_have_been_published(library):
    now, snapshot = view(library), newest(library.snapshots, fingerprint(library))
    assert snapshot.centring.is_on
    for seed in (70, 75, 79):
        place = now.tail_ids.index(content_id(picture(seed)))
        assert np.array_equal(now.tail_vectors[place], snapshot.centring.query(stored(library, seed)))
    rows = snapshot.rows_of([content_id(picture(seed)) for seed in SEEDS])
    vectors = np.array([stored(library, seed) for seed in SEEDS])
    assert np.array_equal(snapshot.index.vectors(rows), snapshot.centring.rows(vectors))


def test_a_picture_meets_itself_at_one(library):
    for seed in (3, 70):
        for query in (Query.picture(picture(seed)), Query.image(content_id(picture(seed)), include_self=True)):
            first = library.engine.search(query).hits[0]
            assert (first.image.id, first.cosine) == (content_id(picture(seed)), 1.0)


def test_crops_are_centred_by_the_mean_of_cuts(library):
    centring = newest(library.snapshots, fingerprint(library)).centring
    pictures = PictureEncoder(encoder=library.encoders["colour-grid"])
    cuts = [
        pictures.encode(pictures.prepare(picture(seed), name="cut", crop=CROP)) for seed in (*SEEDS, *range(200, 300))
    ]
    mean = np.mean(cuts, axis=0)
    assert np.linalg.norm(centring.part - mean) < np.linalg.norm(centring.whole - mean)


def test_near_duplicates_are_compared_by_vectors_as_they_are(library):
    library.indexer.add_upload(picture(3, noise=4), name="again")
    for query in (Query.picture(picture(3)), QUERIES["a crop"]):
        candidates = library.engine.ranker.rank(query).candidates
        vectors = library.catalog.vectors.get(fingerprint(library), candidates.image_ids)
        for image_id, vector in zip(candidates.image_ids, candidates.vectors, strict=True):
            assert np.allclose(vector, vectors[image_id], atol=2e-3)


def test_a_hidden_or_deleted_image_is_not_found(library):
    in_snapshot, in_tail = content_id(picture(5)), content_id(picture(71))
    library.catalog.images.update(in_snapshot, visibility=Visibility.PRIVATE)
    library.catalog.images.delete(in_tail)
    for query in (QUERIES["a picture"], QUERIES["a crop"], QUERIES["an image"]):
        for ranker in (library.engine.ranker, library.engine.exact_ranker()):
            assert not {in_snapshot, in_tail} & set(ranker.rank(query).candidates.image_ids)


def test_later_pages_keep_their_cosines_when_the_index_was_published_again(library):
    query = dataclasses.replace(QUERIES["a crop"], limit=5)
    first = library.engine.search(query)
    before = library.engine.page(first.query_id, offset=0, limit=60)
    assert before.hits[:5] == first.hits
    for seed in range(300, 340):
        library.upload(seed)
        if seed % 10 == 0:
            library.publisher.publish(library.catalog.models.live())
    with_new = library.new_engine()
    assert not (library.snapshots / fingerprint(library)[:12] / "000001").exists()
    for engine in (library.engine, with_new):
        assert engine.page(first.query_id, offset=0, limit=60).hits == before.hits
    with_new.close()


def test_a_page_of_an_index_that_nobody_knows_any_more_is_refused(library):
    first = library.engine.search(QUERIES["a picture"])
    for _ in range(3):
        library.publisher.publish(library.catalog.models.live())
    for kept in (library.snapshots / fingerprint(library)[:12]).glob("centring-*.npy"):
        kept.unlink()
    engine = library.new_engine()
    engine.search(QUERIES["a picture"])
    with pytest.raises(CursorRefused, match="search again"):
        engine.page(first.query_id, offset=0, limit=5)
    engine.close()


def test_recall_is_measured_against_what_is_searched(library):
    assert live_recall(library.catalog, library.snapshots).recall.mean == 1
    found = verify_library(library.catalog, library.snapshots, queries=50)
    assert found.problems == ()
    assert found.recall.mean == 1
    for query in QUERIES.values():
        library.engine.search(query)
    assert library.engine.recall_of_latest(fewest=1, after_block=lambda _: None).recall.mean == 1


def test_below_the_least_number_of_images_nothing_is_taken_out(tmp_path):
    with Parts(tmp_path / "library", centre_from=40) as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(40))])
        parts.catalog.images.update(content_id(picture(1)), visibility=Visibility.PRIVATE)
        live = parts.catalog.models.live()
        assert not parts.publisher.publish(live).centring.is_on, "hidden images do not count"
        parts.catalog.images.update(content_id(picture(1)), visibility=Visibility.PUBLIC)
        assert parts.publisher.publish(live).centring.is_on


def test_five_hundred_images_are_usual(tmp_path):
    assert load_settings({"library": tmp_path}, environment={}).centre_from_images == CENTRE_FROM == 500
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(60))])
        assert newest(parts.snapshots, fingerprint(parts)).manifest.centre_from == 500
        assert not newest(parts.snapshots, fingerprint(parts)).centring.is_on


def test_an_index_of_an_earlier_format_is_built_again(library):
    snapshot = newest(library.snapshots, fingerprint(library))
    older = dataclasses.replace(snapshot.manifest, format_version=6)
    (snapshot.directory / "centring.npy").unlink()
    (snapshot.directory / MANIFEST_FILE).write_bytes(older.encode())
    assert newest(library.snapshots, fingerprint(library)) is None
    engine = library.new_engine()
    assert len(engine.search(QUERIES["a picture"]).hits) >= 69, "exactly, over the catalog"
    engine.close()
    assert library.publisher.publish_if_due(library.catalog.models.live()).centring.is_on
    assert Manifest.read(newest(library.snapshots, fingerprint(library)).directory).format_version == 7


def test_exact_search_of_a_model_that_is_not_live_is_centred_as_its_index_would_be(library):
    live = library.catalog.models.live()
    expected = library.publisher.centring(live)
    published = library.publisher.publish(live).centring
    assert np.array_equal(expected.whole, published.whole)
    assert np.array_equal(expected.part, published.part)
    exact = ExactRanker(library.catalog, library.encoders["colour-grid"], centring=expected)
    engine = library.new_engine()
    found = [ranker.rank(QUERIES["a crop"]).candidates for ranker in (engine.ranker, exact)]
    assert found[0].image_ids == found[1].image_ids
    assert exact.cosines(exact.searched(exact.rank(QUERIES["a crop"]).query), found[0].image_ids) == pytest.approx(
        found[0].cosines.tolist(), abs=1e-5
    )
    engine.close()


def test_a_later_page_has_the_closeness_of_the_first(library):
    """Which is that of its query: a picture that is unlike all of the library has no close hits."""
    asked = Query.picture(picture(901), limit=60)
    first = library.engine.search(asked)
    assert library.engine.page(first.query_id, offset=0, limit=60).hits == first.hits
    best, belonging = first.hits[0], belonging_of(library, asked, first.hits[0])
    usual = view(library).snapshot.closeness
    assert usual.belonging is not None
    assert best.closeness == pytest.approx(usual.for_query(best.cosine, belonging).percent(best.cosine), abs=0.1)


def belonging_of(library, query, hit):
    vector = library.engine.ranker.rank(query).query.vector
    stored_vector = library.catalog.vectors.get(fingerprint(library), [hit.image.id])[hit.image.id]
    return float(view(library).centring.belonging(vector[None], stored_vector[None])[0])
