"""What is particular to the indexes that compare proposed candidates by their stored vectors."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lookalike.errors import SnapshotDamaged, StorageFailed
from lookalike.neighbors import (
    BACKENDS,
    CodesSearch,
    HnswBuild,
    IvfFlatBuild,
    IvfFlatSearch,
    IvfPq8Build,
    KdTreeBuild,
    LshBuild,
    LshSearch,
    available,
    candidates,
)
from unit_vectors import clustered

CANDIDATE_BACKENDS = sorted(set(BACKENDS) - {"exact"})


def recall(found, truth):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.rows, truth.rows, strict=True)])


@pytest.mark.parametrize("name", [name for name in CANDIDATE_BACKENDS if available(name)])
def test_one_number_says_for_every_backend_how_many_allowed_rows_are_compared(name, indexes, library, monkeypatch):
    index, asked = indexes[name], []
    nearest = index._finder.nearest

    def noted(*arguments, **options):
        asked.append(name)
        return nearest(*arguments, **options)

    monkeypatch.setattr(index._finder, "nearest", noted)
    mask = np.arange(12_000) % 20 < 9
    compared = index.search(library[1], 3, allowed=mask)
    assert asked == []
    monkeypatch.setattr(candidates, "SCANNED_ROWS", 0)
    found = index.search(library[1], 3, allowed=mask)
    assert asked == [name]
    assert recall(found, compared) >= 0.9


@pytest.fixture(params=[name for name in CANDIDATE_BACKENDS if available(name)])
def candidate_backend(request):
    return BACKENDS[request.param]


@pytest.mark.parametrize("storage", ["flat", "fp16", "sq8"])
def test_a_graph_over_any_storage_answers_by_the_stored_vectors(library, storage, tmp_path):
    queries = library[1]
    index = BACKENDS["hnsw"].build(library[0][:3_000], parameters=HnswBuild(links=16, storage=storage))
    found = index.search(queries, 5)
    assert np.allclose(found.cosines[:, 0], np.vecdot(index.vectors(found.rows[:, 0]), queries), atol=1e-6)
    index.save(tmp_path)
    opened = BACKENDS["hnsw"].open(tmp_path)
    assert np.array_equal(opened.search(queries, 5).rows, found.rows)
    assert opened.bytes_in_memory + opened.bytes_mapped == index.bytes_in_memory
    more = {"flat": 4, "fp16": 0, "sq8": 1}[storage] * 32
    links = index.bytes_in_memory / 3_000 - 2 * 32 - more
    assert 4 * 2 * 16 <= links <= 4 * 2 * 16 + 40


def test_a_graph_over_the_stored_vectors_writes_them_once(library, tmp_path):
    for storage in ("fp16", "flat"):
        (tmp_path / storage).mkdir()
        index = BACKENDS["hnsw"].build(library[0][:3_000], parameters=HnswBuild(links=16, storage=storage))
        index.save(tmp_path / storage)
    graphs = [(tmp_path / storage / "graph.faiss").stat().st_size for storage in ("fp16", "flat")]
    assert graphs[1] - graphs[0] > 0.95 * 3_000 * 32 * 4


def test_codes_alone_take_a_fraction_of_the_memory_and_find_most(library, indexes, tmp_path):
    vectors = library[0][:4_000]
    index = BACKENDS["ivf-pq"].build(vectors, parameters=IvfPq8Build(lists=16, subquantizers=16, refine=False))
    found = index.search(library[1], 10)
    assert recall(found, BACKENDS["exact"].build(vectors).search(library[1], 10)) >= 0.8
    assert np.allclose(found.cosines, np.einsum("qkd,qd->qk", vectors[found.rows], library[1]), atol=0.1)
    assert index.bytes_in_memory / 4_000 < 0.6 * indexes["ivf-pq"].bytes_in_memory / 12_000
    index.save(tmp_path)
    assert np.array_equal(BACKENDS["ivf-pq"].open(tmp_path).search(library[1], 10).rows, found.rows)


def test_lists_of_whole_vectors_keep_them_once(indexes, library):
    assert indexes["ivf-flat"].bytes_in_memory < 1.3 * library[0].size * 2


def test_more_probes_find_more(indexes, library, oracle):
    truth = oracle.search(library[1], 10)
    recalls = [
        recall(indexes["ivf-flat"].searching_with(IvfFlatSearch(probes=probes)).search(library[1], 10), truth)
        for probes in (1, 2, 64)
    ]
    assert recalls[0] < recalls[1] < recalls[2]
    assert recalls[2] == 1


def test_k_neighbours_are_found_even_when_one_list_is_probed(indexes, library):
    narrow = indexes["ivf-pq"].searching_with(CodesSearch(probes=1, candidates=10))
    found = narrow.search(library[1], 600)
    assert (found.rows >= 0).all()


def test_a_tree_over_all_axes_misses_nothing_unless_it_is_told_to_be_slack(library):
    index = BACKENDS["kd-tree"].build(library[0][:3_000], parameters=KdTreeBuild(axes=32))
    searching = replace(index.searching, candidates=11, candidates_per_neighbor=1)
    exact = BACKENDS["exact"].build(library[0][:3_000]).search(library[1], 10)
    assert recall(index.searching_with(searching).search(library[1], 10), exact) >= 0.999
    loose = index.searching_with(replace(searching, slack=50.0)).search(library[1], 10)
    assert recall(loose, exact) <= 0.999


def test_more_bits_and_more_candidates_find_more(library):
    lsh, vectors, queries = BACKENDS["lsh"], library[0][:4_000], library[1]
    truth = BACKENDS["exact"].build(vectors).search(queries, 10)
    few = LshSearch(candidates=20, candidates_per_neighbor=1)
    recalls = [
        recall(lsh.build(vectors, parameters=LshBuild(bits=bits)).searching_with(searching).search(queries, 10), truth)
        for bits, searching in ((32, few), (256, few), (256, LshSearch(candidates=200)))
    ]
    assert recalls[0] < recalls[1] < recalls[2]


@pytest.mark.parametrize("bits", [0, 12])
def test_bits_that_are_not_bytes_are_refused(bits):
    with pytest.raises(ValueError, match="multiple of 8"):
        BACKENDS["lsh"].build(clustered(20, 8), parameters=LshBuild(bits=bits))


def test_codes_that_do_not_divide_the_dimension_are_refused():
    with pytest.raises(ValueError, match="3 subquantizers do not divide 8"):
        BACKENDS["ivf-pq"].build(clustered(20, 8), parameters=IvfPq8Build(lists=1, subquantizers=3))


def test_an_index_goes_on_when_the_files_it_was_saved_to_are_gone(candidate_backend, build_quickly, library, tmp_path):
    vectors, queries = library[0][:2_000], library[1]
    index = build_quickly(candidate_backend, vectors)
    before = index.search(queries, 5)
    (tmp_path / "a").mkdir()
    index.save(tmp_path / "a")
    opened = candidate_backend.open(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    assert np.array_equal(index.search(queries, 5).rows, before.rows)
    assert np.array_equal(opened.search(queries, 5).rows, before.rows)
    (tmp_path / "b").mkdir()
    opened.save(tmp_path / "b")
    assert np.array_equal(candidate_backend.open(tmp_path / "b").search(queries, 5).rows, before.rows)


def test_saving_into_the_folder_it_was_opened_from_keeps_it_whole(candidate_backend, build_quickly, library, tmp_path):
    build_quickly(candidate_backend, library[0][:2_000]).save(tmp_path)
    opened = candidate_backend.open(tmp_path)
    before = opened.search(library[1], 5)
    opened.save(tmp_path)
    assert np.array_equal(opened.search(library[1], 5).rows, before.rows)
    assert np.array_equal(candidate_backend.open(tmp_path).search(library[1], 5).rows, before.rows)


def test_files_of_two_indexes_are_not_joined(candidate_backend, build_quickly, library, tmp_path):
    for name, size in (("a", 2_000), ("b", 1_900)):
        (tmp_path / name).mkdir()
        build_quickly(candidate_backend, library[0][:size]).save(tmp_path / name)
    pairs = [(path, tmp_path / "a" / path.name) for path in sorted((tmp_path / "b").iterdir())]
    data = [(path, own) for path, own in pairs if path.name != "parameters.json"]
    unlike = [(path, own) for path, own in data if path.stat().st_size != own.stat().st_size]
    assert unlike
    for path, own in unlike:
        content = own.read_bytes()
        shutil.copy(path, own)
        with pytest.raises(SnapshotDamaged):
            candidate_backend.open(tmp_path / "a")
        own.write_bytes(content)


def test_an_index_of_another_backend_is_not_opened(library, tmp_path):
    BACKENDS["ivf-flat"].build(library[0][:2_000], parameters=IvfFlatBuild(lists=4)).save(tmp_path)
    for name in ("ivf-pq", "hnsw", "lsh"):
        with pytest.raises(SnapshotDamaged, match="holds an index of ivf-flat"):
            BACKENDS[name].open(tmp_path)


def test_parameters_that_nobody_knows_are_called_damaged(library, tmp_path):
    BACKENDS["lsh"].build(library[0][:2_000]).save(tmp_path)
    document = json.loads((tmp_path / "parameters.json").read_text())
    document["searching"]["speed"] = 11
    (tmp_path / "parameters.json").write_text(json.dumps(document))
    with pytest.raises(SnapshotDamaged, match="speed"):
        BACKENDS["lsh"].open(tmp_path)


def test_a_disk_that_takes_nothing_is_said(candidate_backend, build_quickly, library, tmp_path):
    index = build_quickly(candidate_backend, library[0][:2_000])
    with pytest.raises(StorageFailed):
        index.save(tmp_path / "missing")
