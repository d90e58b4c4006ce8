import errno
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from lookalike.catalog import LiveModel
from lookalike.errors import StorageFailed
from lookalike.indexing import Publisher
from lookalike.neighbors import BACKENDS
from lookalike.snapshot import CHOICE_FILE, Goals, IndexChoice, Promise, newest

PROMISE = Promise(
    recall_at_10=0.96,
    standard_error=0.002,
    queries=10,
    p50_seconds=1e-4,
    p99_seconds=2e-4,
    queries_per_second=1e4,
    bytes_in_memory=1_000,
    bytes_mapped=0,
    build_seconds=1.0,
)


@pytest.fixture
def model(parts):
    for seed in range(24):
        parts.upload(seed)
    parts.publisher.wait()
    encoder = parts.encoders["colour-grid"]
    return LiveModel(name=encoder.name, fingerprint=encoder.fingerprint, dimension=encoder.dimension)


@pytest.fixture
def choose(parts, model):
    def store(backend="faiss-ivfpq", **changed):
        about = BACKENDS[backend]
        building = about.build_grid(24, 32)[0]
        searching = about.search_grid(building, 24)[-1]
        choice = IndexChoice(
            **{
                "backend": backend,
                "building": building,
                "searching": searching,
                "fingerprint": model.fingerprint,
                "dimension": 32,
                "size": 24,
                "chosen_at": datetime.now(UTC).isoformat(),
                "goals": Goals(recall=0.95),
                "promise": PROMISE,
            }
            | changed
        )
        choice.store(parts.folder / CHOICE_FILE)
        return choice

    return store


@pytest.fixture
def publisher(parts):
    return Publisher(parts.catalog, snapshots=parts.snapshots, choice=parts.folder / CHOICE_FILE)


def test_a_publish_obeys_the_choice_from_the_moment_it_is_there(publisher, model, choose, parts):
    assert publisher.publish(model).manifest.backend == "exact"
    choice = choose()
    publisher.publish(model)
    index = newest(parts.snapshots, model.fingerprint).index
    assert (index.backend, index.building, index.searching) == (choice.backend, choice.building, choice.searching)
    (parts.folder / CHOICE_FILE).unlink()
    assert publisher.publish(model).manifest.backend == "exact"


def test_a_choice_given_for_one_publish_goes_before_the_one_that_is_kept(publisher, model, choose, parts):
    other = choose()
    choose("exact")
    assert publisher.publish(model, choice=other).manifest.backend == "faiss-ivfpq"
    assert publisher.publish(model).manifest.backend == "exact"


def test_a_choice_of_another_model_is_said_and_a_default_is_published(publisher, model, choose, caplog):
    choose(fingerprint="cd" * 32)
    with caplog.at_level(logging.WARNING):
        assert publisher.publish(model).manifest.backend == "exact"
    assert "another model" in caplog.text


def test_a_choice_whose_package_is_gone_is_said_and_a_default_is_published(
    publisher, model, choose, monkeypatch, caplog
):
    choose()
    monkeypatch.setitem(BACKENDS, "faiss-ivfpq", replace(BACKENDS["faiss-ivfpq"], extra="special"))
    monkeypatch.setattr("lookalike.snapshot.choice.available", lambda name: name != "faiss-ivfpq")
    with caplog.at_level(logging.WARNING):
        assert publisher.publish(model).manifest.backend == "exact"
    assert "lookalike[special]" in caplog.text


def test_a_library_that_outgrew_its_choice_is_told_and_the_choice_goes_on(publisher, model, choose, caplog):
    choose(size=5)
    with caplog.at_level(logging.WARNING):
        assert publisher.publish(model).manifest.backend == "faiss-ivfpq"
    assert "tuned for 5 images and there are 24 now" in caplog.text


@pytest.mark.parametrize("backend", ["exact", "faiss-ivfpq"])
def test_vectors_gathered_in_a_file_give_the_same_snapshot(parts, publisher, model, choose, backend):
    choose(backend)
    in_memory = publisher.publish(model)
    many = Publisher(
        parts.catalog, snapshots=parts.snapshots, choice=parts.folder / CHOICE_FILE, most_in_memory=10, threads=1
    )
    gathered = many.publish(model)
    assert gathered.manifest.files == in_memory.manifest.files
    assert gathered.manifest.closeness == in_memory.manifest.closeness
    assert gathered.manifest.recall_at_10 == in_memory.manifest.recall_at_10
    assert list(parts.snapshots.glob("tmp-*")) == []


def test_the_same_library_is_centred_the_same(parts, model):
    snapshots = [
        Publisher(
            parts.catalog,
            snapshots=parts.snapshots,
            threads=threads,
            encoder_of=lambda _: parts.encoders["colour-grid"],
            most_in_memory=most_in_memory,
            centre_from=10,
        ).publish(model)
        for threads, most_in_memory in ((None, 1_000), (1, 1_000), (None, 10))
    ]
    assert all(snapshot.centring.is_on for snapshot in snapshots)
    assert all(snapshot.manifest.files == snapshots[0].manifest.files for snapshot in snapshots)
    assert all(snapshot.closeness == snapshots[0].closeness for snapshot in snapshots)


def test_another_setting_of_centring_makes_an_index_due(parts, model):
    usual, early = (Publisher(parts.catalog, snapshots=parts.snapshots, centre_from=least) for least in (500, 10))
    assert not usual.publish_if_due(model).centring.is_on
    assert usual.publish_if_due(model) is None
    assert early.publish_if_due(model).centring.is_on
    assert early.publish_if_due(model) is None
    never = Publisher(parts.catalog, snapshots=parts.snapshots, centre_from=0)
    assert not never.publish_if_due(model).centring.is_on


@pytest.mark.parametrize(
    ("what", "number"), [("mkdir", errno.EROFS), ("lock", errno.EACCES), ("lock", errno.EROFS), ("lock", errno.ENOSPC)]
)
def test_a_disk_that_cannot_be_written_is_said_plainly(parts, publisher, model, monkeypatch, what, number):
    def refuse(*arguments, **options):
        raise OSError(number, errno.errorcode[number])

    publisher.publish(model)
    with monkeypatch.context() as patched:
        if what == "mkdir":
            patched.setattr(Path, "mkdir", refuse)
        else:
            patched.setattr(FileLock, "acquire", refuse)
        with pytest.raises(StorageFailed, match=f"no index can be published there: {errno.errorcode[number]}"):
            publisher.publish(model)
    assert newest(parts.snapshots, model.fingerprint).manifest.number == 1


def test_a_file_where_the_folder_should_be_is_said_plainly(parts, model, tmp_path):
    (tmp_path / "snapshots").write_text("not a folder")
    with pytest.raises(StorageFailed, match="no index can be published there"):
        Publisher(parts.catalog, snapshots=tmp_path / "snapshots").publish(model)


def test_of_two_processes_to_which_an_index_looks_due_one_publishes(parts, model):
    publishers = [Publisher(parts.catalog, snapshots=parts.snapshots) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        published = list(pool.map(lambda publisher: publisher.publish_if_due(model), publishers))
    assert [snapshot is None for snapshot in published].count(True) == 1
