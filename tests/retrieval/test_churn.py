"""Images come and go between two snapshots: what is found stays as right as with an index built anew."""

import hashlib

import numpy as np
import pytest

from lookalike.catalog import Catalog, ImageAddition, LiveModel, SourceFile
from lookalike.columns import image_row
from lookalike.indexing import Publisher
from lookalike.retrieval import View
from unit_vectors import clustered

MODEL = LiveModel(name="synthetic", fingerprint="7" * 64, dimension=256)
SIZE, CHURN, QUERIES, K = 9_000, 0.2, 150, 10


def image_id(row):
    return hashlib.sha256(str(row).encode()).hexdigest()[:32]


def addition(row, vector):
    return ImageAddition(
        content_id=image_id(row),
        width=8,
        height=8,
        mean_colour="#000000",
        columns=image_row(difference_hash=int(row)),
        media_type="image/png",
        byte_count=1,
        source=SourceFile(path=f"/pictures/{row}.png", byte_count=1, modified_ns=1),
        fingerprint=MODEL.fingerprint,
        vector=vector,
    )


def recall(view, queries, vectors, live):
    """Of the K true neighbours among the live rows, the share that a view finds."""
    queries = np.array([view.searched(query) for query in queries])
    found = [set(view.nearest(query, K).image_ids) for query in queries]
    best = np.argsort(-(queries @ view.centring.rows(vectors[live]).T), axis=1)[:, :K]
    return np.mean(
        [len(ids & {image_id(live[place]) for place in row}) / K for ids, row in zip(found, best, strict=True)]
    )


@pytest.fixture(scope="module")
def churned(tmp_path_factory):
    """Vectors, live rows, and two views of them: the snapshot from before with its tail, and a snapshot built anew."""
    folder = tmp_path_factory.mktemp("churn")
    vectors = clustered(SIZE + round(SIZE * CHURN) + QUERIES, 256, clusters=90, rank=24, seed=6)
    vectors = vectors.astype(np.float16).astype(np.float32)  # as the catalog keeps them
    added = np.arange(SIZE, SIZE + round(SIZE * CHURN))
    removed = np.random.default_rng(2).permutation(SIZE)[: len(added)]
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        publisher = Publisher(catalog, snapshots=folder / "snapshots")
        catalog.images.add([addition(row, vectors[row]) for row in range(SIZE)])
        before = View.of(publisher.publish(MODEL), fingerprint=MODEL.fingerprint, dimension=MODEL.dimension)
        catalog.sources.forget([f"/pictures/{row}.png" for row in removed])
        catalog.images.add([addition(row, vectors[row]) for row in added])
        with_tail = before.following(catalog)
        anew = View.of(publisher.publish(MODEL), fingerprint=MODEL.fingerprint, dimension=MODEL.dimension)
    live = np.setdiff1d(np.arange(SIZE + len(added)), removed)
    return vectors, live, removed, with_tail, anew


def test_a_fifth_of_the_images_are_replaced_without_a_new_snapshot(churned):
    _, live, removed, with_tail, anew = churned
    assert with_tail.snapshot.manifest.backend == anew.snapshot.manifest.backend == "faiss-ivfpq"
    assert with_tail.snapshot.manifest.number < anew.snapshot.manifest.number
    assert len(with_tail.tail_ids) == len(removed) == SIZE * CHURN
    assert len(anew.tail_ids) == 0
    assert with_tail.centring.is_on
    assert anew.centring.is_on
    assert with_tail.size == anew.size == len(live)


def test_recall_after_a_fifth_of_churn_is_that_of_a_fresh_build(churned):
    vectors, live, _, with_tail, anew = churned
    queries = vectors[-QUERIES:] / np.linalg.norm(vectors[-QUERIES:], axis=1, keepdims=True)
    fresh = recall(anew, queries, vectors, live)
    assert fresh >= 0.95
    assert recall(with_tail, queries, vectors, live) >= fresh - 0.01


def test_after_churn_what_is_gone_is_never_found_and_what_came_is(churned):
    vectors, _, removed, with_tail, _ = churned
    gone = {image_id(row) for row in removed}
    for row in removed[:100]:
        assert not gone & set(with_tail.nearest(with_tail.searched(vectors[row]), K).image_ids)
    for row in range(SIZE, SIZE + 100):
        assert image_id(row) in with_tail.nearest(with_tail.searched(vectors[row]), K).image_ids
