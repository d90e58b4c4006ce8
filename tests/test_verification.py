import shutil
from types import SimpleNamespace

import pytest

from lookalike import verification
from lookalike.neighbors import IvfPqBuild, keeps_vectors
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


def test_images_without_a_vector_are_named_up_to_a_number(library, monkeypatch):
    monkeypatch.setattr(verification, "_MOST_NAMED", 3)
    fingerprint = library.indexer.model.fingerprint
    monkeypatch.setattr(
        library.catalog,
        "images_without_vectors",
        lambda asked, *, limit: library.catalog.browse(limit=limit).images if asked == fingerprint else [],
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
        assert not keeps_vectors(snapshot.index)
        found = verify_library(parts.catalog, parts.snapshots, queries=20)
    assert found.problems == ()
    assert found.recall == pytest.approx(snapshot.manifest.recall_at_10, abs=0.1)
