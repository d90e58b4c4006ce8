"""Rows are regions of images, and hits are images: an image is found by whichever of its regions is nearest."""

import dataclasses
import json
import sqlite3

import numpy as np
import pytest

from doubles import picture
from lookalike.catalog import content_id
from lookalike.embedding import PictureEncoder
from lookalike.errors import VectorsRefused
from lookalike.retrieval import ExactRanker, Query
from lookalike.snapshot import newest
from lookalike.types import Visibility
from lookalike.verification import verify_library
from parts import Parts, write_pictures

PART = 70
"""Seed of a picture of which no image is made: it stands for an object in one of them."""


def vector_of(parts, seed):
    return PictureEncoder(encoder=parts.encoders["colour-grid"]).vector(picture(seed), name="part")


def add_region(parts, image_id, region, seed):
    fingerprint = parts.encoders["colour-grid"].fingerprint
    parts.catalog.vectors.add_regions(fingerprint, [(image_id, region)], vector_of(parts, seed)[None])


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(30))])
        yield parts


@pytest.fixture(params=["in the tail", "in a snapshot", "beside its image in a snapshot"])
def with_part(request, library):
    """An image with a second region, which is in the tail, or in a snapshot with or without its image."""
    beside_its_image = request.param == "beside its image in a snapshot"
    image_id = content_id(picture(5)) if beside_its_image else library.upload(60)
    add_region(library, image_id, 1, PART)
    add_region(library, image_id, 2, PART + 1)
    if request.param == "in a snapshot":
        library.publisher.publish(library.catalog.models.live())
        library.engine.close()
        library.engine = library.new_engine()
    return library, image_id


def ranked_by(parts, query):
    return [
        [hit.image.id for hit in parts.engine.search(dataclasses.replace(query, limit=100)).hits],
        list(parts.engine.ranker.rank(query).candidates.image_ids),
        list(parts.engine.exact_ranker().rank(query).candidates.image_ids),
    ]


def test_an_image_is_found_once_by_its_nearest_region(with_part):
    library, image_id = with_part
    images = library.catalog.counts().live
    for seed in (PART, PART + 1):
        answer = library.engine.search(Query.picture(picture(seed), limit=100))
        assert answer.hits[0].image.id == image_id
        assert answer.hits[0].cosine == pytest.approx(1, abs=1e-4)
        assert answer.images == images
        for ids in ranked_by(library, Query.picture(picture(seed))):
            assert ids[0] == image_id
            assert len(ids) == len(set(ids)) == images


def test_as_many_images_are_found_as_are_asked_for_although_regions_are_near(library):
    near = [content_id(picture(seed)) for seed in range(6)]
    for image_id in near:
        for region in range(1, 9):
            add_region(library, image_id, region, PART)
    library.publisher.publish(library.catalog.models.live())
    for k in (1, 6, 10, 30):
        exact = ExactRanker(library.catalog, library.encoders["colour-grid"], rerankers=(), depth=k)
        engine = library.new_engine(rerankers=(), depth=k)
        found, truth = (ranker.rank(Query.picture(picture(PART))).candidates for ranker in (engine.ranker, exact))
        assert len(found) == len(set(found.image_ids)) >= k
        assert found.image_ids[:k] == truth.image_ids[:k]
        engine.close()


def test_pages_keep_the_order_and_the_score_of_regions(with_part):
    library, image_id = with_part
    first = library.engine.search(Query.picture(picture(PART), limit=5))
    again = library.engine.page(first.query_id, offset=0, limit=5)
    assert again.hits == first.hits
    assert first.hits[0].image.id == image_id


def test_no_region_of_a_hidden_image_finds_it(with_part):
    library, image_id = with_part
    library.catalog.images.update(image_id, visibility=Visibility.PRIVATE)
    for ids in ranked_by(library, Query.picture(picture(PART))):
        assert image_id not in ids
    library.catalog.images.update(image_id, visibility=Visibility.PUBLIC)
    for ids in ranked_by(library, Query.picture(picture(PART))):
        assert ids[0] == image_id
    library.catalog.images.delete(image_id)
    for ids in ranked_by(library, Query.picture(picture(PART))):
        assert image_id not in ids


def test_regions_come_back_with_their_image(library, tmp_path):
    image_id, file = content_id(picture(5)), tmp_path / "photos" / "5.png"
    add_region(library, image_id, 1, PART)
    file.unlink()
    library.indexer.index([tmp_path / "photos"])
    assert image_id not in library.find_ids(picture(PART), limit=100)
    file.write_bytes(picture(5))
    library.indexer.index([tmp_path / "photos"])
    assert library.find_ids(picture(PART))[0] == image_id


def test_a_region_needs_its_image(library):
    with pytest.raises(VectorsRefused, match="whole image"):
        library.catalog.vectors.add_regions("another model", [(content_id(picture(5)), 1)], np.eye(1, 32))


def test_a_region_may_be_replaced(library):
    image_id = content_id(picture(5))
    add_region(library, image_id, 1, PART)
    add_region(library, image_id, 1, PART + 1)
    by_old, by_new = (library.find(picture(seed), limit=100).hits for seed in (PART, PART + 1))
    assert by_new[0].image.id == image_id
    assert {hit.image.id: hit.cosine for hit in by_old}[image_id] < 0.99


EARLIER = """
    ALTER TABLE vectors RENAME TO by_region;
    CREATE TABLE vectors (
        fingerprint_number INTEGER NOT NULL REFERENCES fingerprints (number),
        image_id VARCHAR(32) NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        vector BLOB NOT NULL,
        PRIMARY KEY (fingerprint_number, image_id)
    ) WITHOUT ROWID;
    INSERT INTO vectors SELECT fingerprint_number, image_id, vector FROM by_region WHERE region = 0;
    DROP TABLE by_region;
    CREATE INDEX ix_vectors_image_id ON vectors (image_id);
    DROP TABLE removed_vectors;
    CREATE TABLE removed_vectors (
        fingerprint_number INTEGER NOT NULL REFERENCES fingerprints (number),
        image_id VARCHAR(32) NOT NULL REFERENCES removed_images (id) ON DELETE CASCADE,
        vector BLOB NOT NULL,
        PRIMARY KEY (fingerprint_number, image_id)
    ) WITHOUT ROWID;
    CREATE INDEX ix_removed_vectors_image_id ON removed_vectors (image_id);
    ALTER TABLE queries ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
    DROP TABLE leases;
    DROP TABLE experiment_queries;
    DROP TABLE experiments;
    DROP TABLE grading_queue;
    DROP TABLE keypoints;
    DROP TABLE collection_images;
    DROP TABLE collections;
    DROP TABLE api_keys;
    DROP TABLE audit_log;
    DROP TABLE blocked_pictures;
    DROP TABLE moderated_images;
    DROP INDEX ix_interactions_at_event_id;
    CREATE INDEX ix_interactions_at ON interactions (at);
    UPDATE library SET schema_version = 8;
    UPDATE alembic_version SET version_num = '0008';
"""


QUERY_COLUMNS = (
    *("fingerprint", "duplicate_ids", "duplicates_of", "same_ids", "include_self", "neighbors", "images"),
    *("loose_cosine", "close_cosine", "very_close_cosine", "same_things", "filters", "simulated"),
)
DETAILS = ("fingerprint", "duplicates", "same", "include_self", "neighbors", "images", "calibration")


def make_earlier(parts, records):
    """The library as the version before regions left it: catalog, with those queries, and snapshot."""
    connection = sqlite3.connect(parts.folder / "catalog.sqlite")
    connection.executescript(EARLIER)
    for column in QUERY_COLUMNS:
        connection.execute(f"ALTER TABLE queries DROP COLUMN {column}")
    for record in records:
        details = json.dumps({name: getattr(record, name) for name in DETAILS})
        connection.execute("UPDATE queries SET details = ? WHERE id = ?", (details, record.id))
    connection.commit()
    connection.close()
    snapshot = newest(parts.snapshots, parts.encoders["colour-grid"].fingerprint)
    later = ("regions.npy", "centring.npy")
    for name in later:
        (snapshot.directory / name).unlink()
    files = {name: record for name, record in snapshot.manifest.files.items() if name not in later}
    manifest = dataclasses.replace(snapshot.manifest, format_version=5, files=files)
    (snapshot.directory / "manifest.json").write_bytes(manifest.encode())


def test_a_library_of_the_version_before_regions_answers_the_same_hits(tmp_path):
    queries = [Query.picture(picture(seed), limit=100) for seed in (3, 60, 90)]
    with Parts(tmp_path / "library") as library:
        library.indexer.index([write_pictures(tmp_path / "photos", range(30))])
        library.upload(60)
        first = [library.engine.search(query) for query in queries]
        before = [answer.hits for answer in first]
        counts = library.catalog.counts()
        library.engine.flush()
        records = [library.catalog.queries.get(answer.query_id) for answer in first]
    make_earlier(library, records)
    with Parts(library.folder) as later:
        assert later.catalog.counts().vectors == counts.vectors
        assert [later.catalog.queries.get(record.id) for record in records] == records
        assert found(later.engine.page(records[0].id, offset=10, limit=10).hits) == found(before[0])[10:20]
        answers = [later.engine.search(query) for query in queries]
        assert [found(answer.hits) for answer in answers] == [found(hits) for hits in before]
        assert "of an earlier version" in answers[0].notes[0]
        (tmp_path / "photos" / "31.png").write_bytes(picture(31))
        later.indexer.index([tmp_path / "photos"])
        assert verify_library(later.catalog, later.snapshots, queries=5).problems == ()
    with Parts(library.folder) as again:
        assert newest(again.snapshots, again.encoders["colour-grid"].fingerprint).manifest.size == 32
        answer = again.engine.search(queries[1])
        assert answer.notes == ()
        assert found(answer.hits)[0] == found(before[1])[0]


def found(hits):
    return [(hit.image.id, hit.cosine) for hit in hits]
