"""Many lists: the nearest are found by codes of their centroids."""

import numpy as np
import pytest

from lookalike.neighbors import BACKENDS, CodesSearch, IvfPqBuild
from lookalike.neighbors.lists.fastscan import build_from_blocks
from lookalike.neighbors.lists.fastscan_training import centroid_bytes
from unit_vectors import clustered

BACKEND = BACKENDS["faiss-ivfpq"]
PARAMETERS = IvfPqBuild(lists=512, subquantizers=16)
SEARCHING = CodesSearch(probes=24)


@pytest.fixture(scope="module")
def vectors():
    return clustered(20_200, dimension=32)


@pytest.fixture(scope="module")
def index(vectors):
    return BACKEND.build(vectors[:20_000], parameters=PARAMETERS).searching_with(SEARCHING)


def test_the_lists_found_are_as_good_as_the_nearest(index, vectors):
    queries = vectors[20_000:]
    truth = BACKENDS["exact"].build(vectors[:20_000]).search(queries, 10).rows
    found = index.search(queries, 10).rows
    assert np.mean([len(set(a) & set(b)) for a, b in zip(found, truth, strict=True)]) >= 9


def test_an_answer_does_not_depend_on_the_queries_beside_it_nor_on_saving(index, vectors, tmp_path):
    queries = vectors[20_000:]
    together = index.search(queries, 10)
    alone = [index.search(query[None], 10) for query in queries]
    assert np.array_equal(together.rows, np.concatenate([found.rows for found in alone]))
    assert np.array_equal(together.cosines, np.concatenate([found.cosines for found in alone]))
    index.save(tmp_path)
    opened = BACKEND.open(tmp_path)
    assert np.array_equal(opened.search(queries, 10).cosines, together.cosines)
    assert opened.bytes_in_memory == index.bytes_in_memory - 2 * 32 * 20_000


def test_all_lists_still_find_every_neighbour(index, vectors):
    everything = index.searching_with(CodesSearch(probes=512, candidates=20_000))
    oracle = BACKENDS["exact"].build(vectors[:20_000])
    found, truth = everything.search(vectors[20_000:20_050], 10), oracle.search(vectors[20_000:20_050], 10)
    assert np.array_equal(found.rows, truth.rows)


def test_built_from_blocks_it_is_the_same_index(index, vectors, tmp_path):
    def blocks():
        yield vectors[:7_000]
        yield vectors[7_000:20_000]

    of_blocks = build_from_blocks(blocks, 20_000, 32, working=tmp_path, parameters=PARAMETERS)
    queries = vectors[20_000:]
    found = of_blocks.searching_with(SEARCHING).search(queries, 10)
    assert np.array_equal(found.rows, index.search(queries, 10).rows)


def test_few_lists_or_a_dimension_that_codes_do_not_divide_are_compared_directly(vectors):
    assert centroid_bytes(256, 32) == 4 * 32
    assert centroid_bytes(512, 32) == 4 * 32 + 4
    narrow = np.ascontiguousarray(vectors[:2_000, :30])
    narrow /= np.linalg.norm(narrow, axis=1, keepdims=True)
    odd = BACKEND.build(narrow, parameters=IvfPqBuild(lists=512, subquantizers=15)).searching_with(SEARCHING)
    assert np.array_equal(odd.search(narrow[:50], 1).rows[:, 0], np.arange(50))
