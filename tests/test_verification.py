import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lookalike import verification
from lookalike.neighbors import ExactIndex, IvfPqBuild
from lookalike.snapshot import Manifest, SnapshotRows, publish
from lookalike.types import Visibility
from lookalike.verification import verify_library
from parts import Parts, write_pictures


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(12))])
        yield parts


def problems(library):
    return verify_library(library.catalog, library.snapshots, queries=5).problems


def test_a_whole_library_is_clean(library):
    assert problems(library) == ()


def test_snapshots_that_a_run_deletes_meanwhile_are_no_damage(library, monkeypatch):
    check = verification.verify
    older = min(library.snapshots.glob("*/[0-9]*"))
    library.upload(100)
    library.publisher.publish(library.indexer.model)

    def deleted_while_it_is_read(folder):
        if folder == older:
            shutil.rmtree(folder)
        return check(folder)

    monkeypatch.setattr(verification, "verify", deleted_while_it_is_read)
    assert problems(library) == ()


def test_a_damaged_snapshot_is_still_told(library):
    (manifest,) = library.snapshots.glob("*/*/manifest.json")
    manifest.write_text("{")
    assert len(problems(library)) == 1


def test_a_snapshot_of_another_catalog_is_told(library, tmp_path):
    manifest = next(library.snapshots.glob("*/*/manifest.json"))
    with Parts(tmp_path / "other") as other:
        other.upload(7)
        snapshot = other.publisher.publish(other.indexer.model)
        shutil.copytree(snapshot.directory, manifest.parent.with_name("000009"))
    (problem,) = problems(library)
    assert "another library's catalog" in problem
    assert "lookalike index" in problem
    library.indexer.index([tmp_path / "photos"])
    assert problems(library) == ()


def test_a_snapshot_that_lacks_images_or_has_strangers_is_told(library):
    manifest = Manifest.read(next(library.snapshots.glob("*/*/manifest.json")).parent)
    ids = [image.id for image in library.catalog.images.browse(limit=100).images]
    vectors = library.catalog.vectors.get(manifest.fingerprint, ids)
    kept = sorted([*ids[1:], "f" * 32])
    publish(
        library.snapshots,
        SnapshotRows(
            image_ids=kept,
            vectors=np.stack([vectors.get(image_id, vectors[ids[0]]) for image_id in kept]),
            visibilities=[Visibility.PUBLIC] * len(kept),
        ),
        model_name=manifest.model_name,
        fingerprint=manifest.fingerprint,
        state=manifest.state,
    )
    told = problems(library)
    assert any("1 images of the catalog are missing from the snapshot" in problem for problem in told)
    assert any("1 images of the snapshot are unknown to the catalog" in problem for problem in told)


@pytest.mark.parametrize("images", [1, 3, 5])
def test_recall_is_of_as_many_neighbours_as_there_are(tmp_path, images, monkeypatch):
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(images))])
        assert verify_library(parts.catalog, parts.snapshots, queries=200).recall.mean == 1.0
        search = ExactIndex.search

        def the_second_again_and_again(self, *arguments, **keywords):
            found = search(self, *arguments, **keywords)
            return replace(found, rows=np.repeat(found.rows[:, 1:2], found.rows.shape[1], axis=1))

        monkeypatch.setattr(ExactIndex, "search", the_second_again_and_again)
        found = verify_library(parts.catalog, parts.snapshots, queries=200)
    assert found.recall.mean == pytest.approx(1 / max(images - 1, 1))
    assert found.recall.among == "images that the snapshot and the catalog have"
    assert bool(found.problems) == (images > 2)


def test_images_without_a_vector_are_named_up_to_a_number(library, monkeypatch):
    monkeypatch.setattr(verification, "_MOST_NAMED", 3)
    fingerprint = library.indexer.model.fingerprint
    monkeypatch.setattr(
        library.catalog.vectors,
        "images_without",
        lambda asked, *, limit: library.catalog.images.browse(limit=limit).images if asked == fingerprint else [],
    )
    found = problems(library)
    assert len(found) == 4
    assert "no vector" in found[0]
    assert "further" in found[-1]


def test_an_index_of_nothing_but_codes_is_not_called_damaged(tmp_path):
    codes = SimpleNamespace(
        backend="faiss-ivfpq", building=IvfPqBuild(lists=1, subquantizers=16, refine=False), searching=None
    )
    with Parts(tmp_path / "library") as parts:
        parts.indexer.index([write_pictures(tmp_path / "photos", range(80))])
        snapshot = parts.publisher.publish(parts.indexer.model, choice=codes)
        assert not snapshot.index.keeps_vectors
        found = verify_library(parts.catalog, parts.snapshots, queries=20)
    assert found.problems == ()
    assert found.recall.mean == pytest.approx(snapshot.manifest.recall_at_10, abs=0.1)
