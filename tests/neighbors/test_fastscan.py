"""What is particular to the inverted file with product quantisation."""

import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors import (
    BACKENDS,
    AllowedRows,
    CodesSearch,
    IvfPqBuild,
    build_parameters,
    search_parameters,
)
from lookalike.neighbors.threads import SUMS
from unit_vectors import clustered

BACKEND = BACKENDS["faiss-ivfpq"]


@pytest.fixture(scope="module")
def unrefined(library):
    return BACKEND.build(library[0], parameters=build_parameters(12_000, 32, memory="codes"))


def recall(found, truth):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.rows, truth.rows, strict=True)])


def test_lists_and_codes_follow_the_size_and_dimension():
    lists = [build_parameters(size, 256).lists for size in (0, 1, 1_000, 20_000, 200_000, 1_000_000, 10**9)]
    assert lists == sorted(lists)
    assert lists[0] == 1
    assert lists[4:6] == [1_024, 4_096]
    assert build_parameters(1_000, 256).subquantizers == 128
    assert build_parameters(1_000, 10).subquantizers == 5
    assert build_parameters(1_000, 7).subquantizers == 7
    for count in lists:
        assert 1 <= search_parameters(IvfPqBuild(lists=count, subquantizers=8)).probes <= count


def test_without_refine_an_index_takes_a_fraction_of_the_memory(unrefined, indexes, oracle, library):
    assert unrefined.bytes_in_memory < 0.45 * indexes["faiss-ivfpq"].bytes_in_memory  # at 32 dimensions; 1/8 at 256
    found, truth = unrefined.search(library[1], 10), oracle.search(library[1], 10)
    assert recall(found, truth) >= 0.5
    assert np.abs(found.cosines - truth.cosines).max() < 0.1


def test_without_refine_the_contract_on_rows_holds_too(unrefined, library, tmp_path):
    mask = np.zeros(12_000, dtype=bool)
    mask[::400] = True
    found = unrefined.search(library[1], 40, allowed=mask)
    assert np.all((found.rows >= 0).sum(axis=1) == 30)
    assert mask[found.rows[found.rows >= 0]].all()
    rows = np.array([3, 11_999, 0])
    decoded = unrefined.vectors(rows)
    assert np.vecdot(decoded, library[0][rows]).min() > 0.8
    unrefined.save(tmp_path)
    opened = BACKEND.open(tmp_path)
    assert np.array_equal(opened.search(library[1], 10).rows, unrefined.search(library[1], 10).rows)
    assert np.array_equal(opened.vectors(rows), decoded)


def test_more_probes_find_more(indexes, oracle, library):
    truth = oracle.search(library[1], 10)
    few, many = (
        recall(indexes["faiss-ivfpq"].searching_with(CodesSearch(probes=probes)).search(library[1], 10), truth)
        for probes in (1, 64)
    )
    assert few < many
    assert many >= 0.99


def test_parameters_of_another_kind_are_a_mistake_of_the_program(indexes):
    with pytest.raises(ValueError, match="searched with CodesSearch"):
        indexes["faiss-ivfpq"].searching_with(IvfPqBuild(lists=1, subquantizers=1))


def test_k_neighbours_are_found_even_when_one_list_is_probed(indexes, library):
    narrow = indexes["faiss-ivfpq"].searching_with(CodesSearch(probes=1))
    assert (narrow.search(library[1], 1_400).rows >= 0).all()


def test_searching_and_building_leave_the_callers_openmp_threads_alone(indexes, library):
    def settings_around(work):
        before = faiss.omp_get_max_threads()
        work()
        return before, faiss.omp_get_max_threads()

    index = indexes["faiss-ivfpq"]
    for work in (
        lambda: index.search(library[1][:1], 5),
        lambda: index.search(library[1], 5),
        lambda: BACKEND.build(library[0][:1_000], threads=1),
    ):
        before, after = settings_around(work)
        assert before == after
        with ThreadPoolExecutor(1) as pool:
            before, after = pool.submit(settings_around, work).result()
            assert before == after


@pytest.mark.parametrize("allowed_rows", [500, 7_000])
def test_what_is_kept_for_a_mask_goes_with_it(indexes, library, allowed_rows):
    index = indexes["faiss-ivfpq"]
    mask = np.arange(12_000) < allowed_rows
    allowed = AllowedRows.of(mask)
    index.search(library[1], 5, allowed=allowed)
    kept = index._finder._filtered if allowed_rows > 6_000 else index._store._scans
    gone = weakref.ref(allowed)
    assert allowed in kept
    del allowed
    gc.collect()
    assert gone() is None
    assert not len(kept)


def test_a_full_disk_is_said(indexes, tmp_path):
    for name in ("lists.faiss", "vectors.faiss"):
        folder = tmp_path / name.removesuffix(".faiss")
        folder.mkdir()
        (folder / name).symlink_to("/dev/full")
        with pytest.raises(StorageFailed, match="could not be written"):
            indexes["faiss-ivfpq"].save(folder)


def test_a_saved_index_answers_alike_in_another_process(indexes, library, tmp_path):
    indexes["faiss-ivfpq"].save(tmp_path)
    np.save(tmp_path / "queries.npy", library[1])
    code = (
        "import sys, numpy as np; from pathlib import Path; from lookalike.neighbors import BACKENDS;"
        "found = BACKENDS['faiss-ivfpq'].open(Path(sys.argv[1])).search(np.load(sys.argv[1] + '/queries.npy'), 10);"
        "np.save(sys.argv[1] + '/rows.npy', found.rows)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={"OMP_NUM_THREADS": "1"})
    assert np.array_equal(np.load(tmp_path / "rows.npy"), indexes["faiss-ivfpq"].search(library[1], 10).rows)


def test_clustered_vectors_of_many_dimensions_reach_the_recall_promised():
    vectors = clustered(30_100, 128, clusters=150, rank=16, seed=8)
    stored, queries = vectors[:30_000], vectors[30_000:]
    truth = BACKENDS["exact"].build(stored).search(queries, 10)
    assert recall(BACKEND.build(stored).search(queries, 10), truth) >= 0.95


def test_lists_and_vectors_of_two_indexes_are_not_joined(indexes, library, tmp_path):
    indexes["faiss-ivfpq"].save(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    BACKEND.build(library[0][:5_000]).save(other)
    for name in ("lists.faiss", "vectors.faiss", "parameters.json"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes((other / name).read_bytes())
        with pytest.raises(SnapshotDamaged):
            BACKEND.open(tmp_path)
        (tmp_path / name).write_bytes(whole)
    assert BACKEND.open(tmp_path).size == 12_000


def test_answers_are_the_same_while_an_index_is_built():
    """Faiss has one setting for how it sums: a build needs another than large blocks of queries do."""
    vectors = clustered(12_000, 32, seed=1)
    queries = clustered(300, 32, seed=2)
    index = BACKENDS["faiss-ivfpq"].build(vectors)
    alone = index.search(queries, 10)
    with SUMS.building():
        meanwhile = index.search(queries, 10)
    one_by_one = np.concatenate([index.search(query[None], 10).rows for query in queries])
    assert np.array_equal(alone.rows, one_by_one)
    assert np.array_equal(alone.rows, meanwhile.rows)
    assert np.array_equal(alone.cosines, meanwhile.cosines)


def test_a_build_and_searches_wait_for_each_other():
    vectors = clustered(6_000, 32, seed=1)
    queries = clustered(500, 32, seed=2)
    index = BACKENDS["faiss-ivfpq"].build(vectors)
    expected = index.search(queries, 10)
    stop = threading.Event()

    def search():
        while not stop.is_set():
            assert np.array_equal(index.search(queries, 10).rows, expected.rows)
        return True

    with ThreadPoolExecutor(3) as pool:
        searching = [pool.submit(search) for _ in range(2)]
        rebuilt = [pool.submit(BACKENDS["faiss-ivfpq"].build, vectors).result(timeout=120) for _ in range(2)]
        stop.set()
        assert all(done.result(timeout=60) for done in searching)
    for one in rebuilt:
        found = one.search(queries, 10)
        assert np.array_equal(found.rows, expected.rows)
        assert np.array_equal(found.cosines, expected.cosines)
