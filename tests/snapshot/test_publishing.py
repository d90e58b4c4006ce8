import errno
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from lookalike.catalog import CatalogState
from lookalike.columns import unknown_rows
from lookalike.errors import DependencyMissing, StorageFailed, VectorsRefused
from lookalike.neighbors import BACKENDS, ExactIndex, available
from lookalike.snapshot import VISIBILITY_CODES, IndexPlan, SnapshotRows, newest, prune, publish, verify
from lookalike.types import Visibility
from unit_vectors import clustered

FINGERPRINT = "ab" * 32


def latest(root, **keywords):
    return newest(root, FINGERPRINT, **keywords)


def published(root):
    return sorted(path.name for path in (root / FINGERPRINT[:12]).iterdir() if path.is_dir())


def leftovers(root):
    return sorted(path.name for path in root.glob("tmp-*"))


@pytest.mark.parametrize("backend", sorted(filter(available, BACKENDS)))
def test_what_was_published_comes_back(made, root, backend):
    columns = unknown_rows(200)
    columns["difference_hash"] = np.arange(200, dtype=np.uint64) * np.uint64(2**56)
    columns["colour_signature"][:, 3] = np.arange(200)
    given = made(200, watermark=42, backend=backend, columns=columns)
    for snapshot in (given.snapshot, latest(root)):
        manifest = snapshot.manifest
        assert (manifest.number, manifest.watermark, manifest.size, manifest.dimension) == (1, 42, 200, 16)
        assert (manifest.model_name, manifest.fingerprint, manifest.backend) == ("tiny", FINGERPRINT, backend)
        assert (manifest.self_recall, manifest.recall_at_10) == (1.0, 1.0)
        assert snapshot.index.backend == backend
        assert [image_id.decode() for image_id in snapshot.image_ids] == given.image_ids
        assert snapshot.image_ids.dtype == np.dtype("S32")
        assert snapshot.visibilities.tolist() == [VISIBILITY_CODES[v] for v in given.visibilities]
        assert snapshot.visible.tolist() == [v is Visibility.PUBLIC for v in given.visibilities]
        assert np.array_equal(snapshot.columns, columns)
        assert snapshot.visible_rows.count == sum(snapshot.visible)
        assert np.allclose(snapshot.index.vectors(np.arange(200)), given.vectors, atol=1e-3)
        assert snapshot.directory == root / FINGERPRINT[:12] / "000001"
    assert verify(snapshot.directory) == []
    assert leftovers(root) == []


def test_only_public_images_have_the_code_that_is_shown():
    assert len(set(VISIBILITY_CODES.values())) == len(Visibility)
    assert VISIBILITY_CODES[Visibility.PUBLIC] != 0  # a page of zeros shows nothing


def test_rows_are_found_by_id(made):
    given = made(100)
    snapshot = given.snapshot
    assert [snapshot.row_of(image_id) for image_id in given.image_ids] == list(range(100))
    strange = [
        "",
        "0" * 31,
        "f" * 32,
        f"{1:032x}",
        given.image_ids[4] + "0",
        given.image_ids[4] + "\0",
        "é\udcff",
        "x" * 99,
    ]
    assert [snapshot.row_of(image_id) for image_id in strange] == [None] * len(strange)
    mixed = [given.image_ids[9], "no such", given.image_ids[2]]
    assert snapshot.rows_of(mixed).tolist() == [9, -1, 2]
    assert snapshot.rows_of(mixed).dtype == np.int64
    assert snapshot.rows_of([]).shape == (0,)


@pytest.mark.parametrize("size", [0, 1, 2, 9, 49])
def test_tiny_libraries_are_published(made, root, size):
    made(size)
    snapshot = latest(root)
    assert snapshot.manifest.size == snapshot.index.size == len(snapshot.visible) == size
    assert snapshot.row_of("f" * 32) is None
    query = clustered(1, 16)
    assert np.count_nonzero(snapshot.index.search(query, 60).rows >= 0) == size
    assert 0 <= snapshot.closeness.percent(0.5) <= 100


def test_the_backend_is_chosen_by_size(made):
    assert made(60).snapshot.manifest.backend == "exact"


def test_numbers_rise_and_the_highest_watermark_is_the_newest(made, root):
    made(watermark=5)
    made(watermark=9)
    made(watermark=7)  # a slower process that read the catalog earlier
    assert published(root) == ["000001", "000002", "000003"]
    assert latest(root).manifest.number == 2
    made(watermark=9)
    assert latest(root).manifest.number == 4


def test_models_do_not_mix(made, root):
    made()
    other = "cd" * 32
    assert newest(root, other) is None
    made(fingerprint=other)
    assert newest(root, other).manifest.fingerprint == other
    same_start = FINGERPRINT[:12] + "0" * 52
    problems: list[str] = []
    assert newest(root, same_start, problems=problems) is None
    assert "another model" in problems[0]


def test_there_is_no_newest_before_the_first(root):
    problems: list[str] = []
    assert latest(root, problems=problems) is None
    assert problems == []


def test_many_publishers_at_once_each_get_a_number(made, root):
    with ThreadPoolExecutor(6) as pool:
        snapshots = [given.snapshot for given in pool.map(lambda mark: made(watermark=mark), range(12))]
    assert sorted(snapshot.manifest.number for snapshot in snapshots) == list(range(1, 13))
    assert all(int(snapshot.directory.name) == snapshot.manifest.number for snapshot in snapshots)
    assert all(verify(snapshot.directory) == [] for snapshot in snapshots)
    assert latest(root).manifest.watermark == 11
    assert leftovers(root) == []


def test_ids_and_lengths_are_checked(made):
    for ids, reason in (
        (["b", "a"], "ascend"),
        (["a", "a"], "ascend"),
        (["a"], "1 ids, 2 vectors"),
        (["a", "b" * 33], "32 ASCII"),
        (["a", "é"], "32 ASCII"),
    ):
        with pytest.raises(ValueError, match=reason):
            made(2, image_ids=ids)
    with pytest.raises(ValueError, match="3 rows of columns for 2 images"):
        made(2, columns=unknown_rows(3))
    with pytest.raises(VectorsRefused):
        made(2, vectors=np.full((2, 16), np.nan, dtype=np.float32))


def test_prune_keeps_the_newest_whole_ones(made, root):
    for mark in (1, 2, 3, 4):
        made(watermark=mark)
    flip(root / FINGERPRINT[:12] / "000003" / "image_ids.npy")
    reading = latest(root)
    prune(root, FINGERPRINT, keep=2)
    assert published(root) == ["000002", "000004"]
    prune(root, FINGERPRINT, keep=1)
    assert published(root) == ["000004"]
    assert leftovers(root) == []
    assert reading.index.search(clustered(1, 16), 3).rows.shape == (1, 3)
    with pytest.raises(ValueError, match="keep = 0"):
        prune(root, FINGERPRINT, keep=0)


def test_prune_deletes_nothing_while_no_whole_one_is_left(made, root):
    for mark in (1, 2):
        flip(made(watermark=mark).snapshot.directory / "vectors.npy")
    prune(root, FINGERPRINT, keep=1)
    assert published(root) == ["000001", "000002"]


@pytest.mark.parametrize("backend", sorted(filter(available, BACKENDS)))
def test_a_snapshot_that_is_pruned_while_open_still_answers(made, root, backend):
    given = made(300, backend=backend)
    reading = latest(root)
    made(300, watermark=2)
    prune(root, FINGERPRINT, keep=1)
    assert not reading.directory.exists()
    assert reading.index.search(given.vectors, 1).rows[:, 0].tolist() == list(range(300))
    assert reading.row_of(given.image_ids[-1]) == 299


def test_a_snapshot_whose_package_is_gone_is_passed_over_and_says_what_to_install(made, root, monkeypatch):
    def cannot_open(directory):
        raise DependencyMissing("pip install 'lookalike[special]'")

    made(watermark=1)
    made(300, watermark=2, backend="faiss-ivfpq")
    monkeypatch.setitem(BACKENDS, "faiss-ivfpq", replace(BACKENDS["faiss-ivfpq"], open=cannot_open))
    problems: list[str] = []
    assert latest(root, problems=problems).manifest.watermark == 1
    assert "lookalike[special]" in problems[0]
    prune(root, FINGERPRINT, keep=1)
    assert published(root) == ["000001", "000002"], "where the package is, it is whole"


def test_an_index_is_built_and_searched_as_it_was_asked_for(made, root):
    backend = BACKENDS["faiss-ivfpq"]
    building = backend.build_grid(300, 16)[1]
    searching = backend.search_grid(building, 300)[0]
    made(300, backend="faiss-ivfpq", parameters=building, searching=searching)
    assert latest(root).index.building == building
    assert latest(root).index.searching == searching


def test_recall_is_of_the_others_not_of_the_query_itself(made, monkeypatch):
    class Narcissus(ExactIndex):
        def search(self, queries, k, *, allowed=None):
            found = super().search(queries, k, allowed=allowed)
            found.rows[:, 1:] = -1
            return found

    def build(vectors, *, parameters=None, threads=None):
        return Narcissus(build_exact(vectors)._vectors)

    build_exact = BACKENDS["exact"].build
    monkeypatch.setitem(BACKENDS, "exact", replace(BACKENDS["exact"], build=build))
    manifest = made(200, backend="exact").snapshot.manifest
    assert (manifest.self_recall, manifest.recall_at_10) == (1.0, 0.0)


def test_leftovers_of_a_killed_process_are_collected(root, made):
    code = (
        "import sys, time; from pathlib import Path;"
        "from lookalike.snapshot.publishing import workspace\n"
        "root = Path(sys.argv[1]); root.mkdir(parents=True)\n"
        "with workspace(root) as work:\n"
        "    (work / 'lists.faiss').write_bytes(b'half'); print('ready', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        made(watermark=1)
        assert len(leftovers(root)) == 2, "the owner is at work"
        process.send_signal(signal.SIGKILL)
        process.wait()
    made(watermark=2)
    assert leftovers(root) == []
    assert latest(root).manifest.watermark == 2


def test_a_directory_without_a_lock_has_no_owner(root, made):
    (root / "tmp-0123").mkdir(parents=True)
    (root / "tmp-0123" / "vectors.npy").write_bytes(b"half")
    (root / "tmp-4567.lock").touch()
    with FileLock(root / "tmp-89ab.lock"):
        (root / "tmp-89ab").mkdir()
        made()
        assert leftovers(root) == ["tmp-89ab", "tmp-89ab.lock"]


@pytest.mark.parametrize("step", ["save", "fsync", "rename"])
def test_a_failing_disk_leaves_what_was_there(made, root, monkeypatch, step):
    made(watermark=1)

    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "save":
            patched.setattr(np, "save", full)
        elif step == "fsync":
            patched.setattr(os, "fsync", full)
        else:
            patched.setattr(Path, "rename", full)
        with pytest.raises(StorageFailed, match="No space left on device"):
            made(watermark=2)
    assert published(root) == ["000001"]
    assert leftovers(root) == []
    assert latest(root).manifest.watermark == 1
    made(watermark=3)
    assert latest(root).manifest.watermark == 3


def test_every_file_and_directory_is_on_disk_before_and_after_the_rename(made, root, monkeypatch):
    events = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append(("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file", path.name))
        real_fsync(descriptor)

    def rename(path, target):
        events.append(("rename", target.name))
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    made()
    before, after = events[: events.index(("rename", "000001"))], events[events.index(("rename", "000001")) :]
    assert [name for kind, name in before if kind == "file"] == [
        "centring.npy",
        "columns.npy",
        "image_ids.npy",
        "regions.npy",
        "vectors.npy",
        "visibilities.npy",
        "manifest.json",
    ]
    assert before[-1][0] == "directory"
    assert before[-1][1].startswith("tmp-")
    assert after[1:] == [("directory", FINGERPRINT[:12]), ("directory", "snapshots")]


@pytest.mark.slow
def test_a_snapshot_of_a_hundred_thousand_opens_in_well_under_a_second(root):
    size = 100_000
    random = np.random.default_rng(0)
    vectors = random.standard_normal((size, 256), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    publish(
        root,
        SnapshotRows(
            image_ids=[f"{number:032x}" for number in range(size)],
            vectors=vectors,
            visibilities=[Visibility.PUBLIC] * size,
        ),
        model_name="large",
        fingerprint=FINGERPRINT,
        state=CatalogState("library", 1, "token"),
        index=IndexPlan(backend="exact"),  # as large a file as any, and quick to build
    )
    started = time.process_time()
    snapshot = latest(root)
    assert snapshot.manifest.size == size
    assert time.process_time() - started < 1


def flip(path, place=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 0x10
    path.write_bytes(bytes(content))
