"""What every backend keeps, whatever it is made of. A new line in `BACKENDS` is tested here by itself."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import DependencyMissing, SnapshotDamaged, VectorsRefused
from lookalike.neighbors import BACKENDS, AllowedRows, available, candidates, choose_backend
from unit_vectors import clustered, slow_search, unit

K = 10
OPTIONAL = sorted(name for name, backend in BACKENDS.items() if backend.package is not None)
SHARES = (0.0, 0.001, 0.01, 0.1, 0.9, 1.0)


def same(one, other):
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.cosines, other.cosines)


def mask_of(size, share, seed=0):
    mask = np.zeros(size, dtype=bool)
    mask[np.random.default_rng(seed).permutation(size)[: round(size * share)]] = True
    return mask


def recall(found, truth):
    pairs = [(set(a[a >= 0]), set(b[b >= 0])) for a, b in zip(found.rows, truth.rows, strict=True)]
    return np.mean([len(a & b) / len(b) for a, b in pairs])


def check_order(found):
    """Best first, ties by row ascending, no row twice, padding last."""
    for rows, cosines in zip(found.rows, found.cosines, strict=True):
        kept = rows >= 0
        count = int(kept.sum())
        assert kept[:count].all()
        assert np.all(np.isneginf(cosines[count:]))
        assert len(set(rows[:count].tolist())) == count
        pairs = list(zip((-cosines[:count]).tolist(), rows[:count].tolist(), strict=True))
        assert pairs == sorted(pairs)
        assert np.all(np.abs(cosines[:count]) <= 1)


def test_results_have_the_shape_and_types_that_neighbors_promises(index, library):
    found = index.search(library[1], K)
    assert found.rows.shape == found.cosines.shape == (len(library[1]), K)
    assert found.rows.dtype == np.int64
    assert found.cosines.dtype == np.float32
    assert (index.size, index.dimension) == library[0].shape
    assert index.backend in BACKENDS
    check_order(found)


def test_most_of_the_true_neighbours_are_found(index, oracle, library):
    """The bar is one for all: what a backend loses in few dimensions or in bits, more candidates make up for."""
    assert recall(index.search(library[1], K), oracle.search(library[1], K)) >= 0.95


def test_full_effort_finds_what_exact_search_finds(index, backend, oracle, library):
    most = backend.search_grid(index.building, index.size)[-1]
    found, truth = index.searching_with(most).search(library[1], K), oracle.search(library[1], K)
    assert recall(found, truth) >= 0.999  # a last digit may decide between two that are all but equal
    assert np.allclose(found.cosines, truth.cosines, atol=1e-6)


def test_the_search_grid_goes_from_loose_to_full_effort(index, backend, oracle, library):
    queries = library[1][:20]
    truth = oracle.search(queries, K)
    grid = backend.search_grid(index.building, index.size)
    assert len(set(grid)) == len(grid)
    steps = [recall(index.searching_with(one).search(queries, K), truth) for one in (grid[0], grid[len(grid) // 2])]
    assert 0.1 <= steps[0] <= steps[1] + 0.02


@pytest.mark.parametrize(("size", "dimension"), [(0, 8), (1, 1), (5_000, 7), (200_000, 256), (10_000_000, 512)])
def test_the_grids_hold_the_parameters_they_say(backend, size, dimension):
    grid = backend.build_grid(size, dimension)
    assert len(set(grid)) == len(grid) >= 1
    for building in grid:
        assert building is None if backend.building is None else type(building) is backend.building
        searches = backend.search_grid(building, size)
        assert searches
        assert all(one is None if backend.searching is None else type(one) is backend.searching for one in searches)


def test_the_first_of_the_build_grid_is_what_no_parameters_mean(backend):
    assert backend.build(clustered(100, 16)).building == backend.build_grid(100, 16)[0]


def test_every_build_of_the_grid_works(backend):
    vectors = clustered(1_500, 16, seed=3)
    for building in backend.build_grid(1_500, 16):
        index = backend.build(vectors, parameters=building)
        assert index.building == building
        least = 0.95 if getattr(building, "refine", True) else 0.5  # codes alone confuse near neighbours
        assert np.mean(index.search(vectors[:100], 1).rows[:, 0] == np.arange(100)) >= least


def test_searching_with_other_parameters_leaves_the_index_as_it_was(index, backend, library, tmp_path):
    before, searching = index.search(library[1], K), index.searching
    other = backend.search_grid(index.building, index.size)[0]
    changed = index.searching_with(other)
    assert (changed.searching, index.searching) == (other, searching)
    assert same(index.search(library[1], K), before)
    changed.save(tmp_path)
    opened = backend.open(tmp_path)
    assert (opened.searching, opened.building) == (other, index.building)
    assert same(opened.search(library[1], K), changed.search(library[1], K))


def test_parameters_of_another_backend_are_refused(index):
    with pytest.raises(ValueError, match="search|parameters"):
        index.searching_with("fast")


@pytest.mark.parametrize("name", sorted(set(BACKENDS) - set(OPTIONAL)))
def test_what_needs_no_other_package_is_there(name):
    assert (BACKENDS[name].extra, available(name)) == (None, True)


@pytest.mark.parametrize("backend", OPTIONAL, indirect=True)
def test_a_missing_package_is_named_with_its_install_command(backend, monkeypatch, tmp_path):
    backend.build(clustered(20, 8)).save(tmp_path)
    loaded = [name for name in sys.modules if name.split(".")[0] == backend.package]
    for name in {*loaded, backend.package}:
        monkeypatch.setitem(sys.modules, name, None)
    assert not available(backend.name)
    install = re.escape(f"pip install 'lookalike[{backend.extra}]'")
    with pytest.raises(DependencyMissing, match=install):
        backend.build(clustered(20, 8))
    with pytest.raises(DependencyMissing, match=install):
        backend.open(tmp_path)


def test_cosines_are_those_of_the_stored_vectors(index, library):
    vectors, queries = library
    found = index.search(queries, K)
    for query, rows, cosines in zip(queries, found.rows, found.cosines, strict=True):
        assert np.allclose(cosines, np.minimum(index.vectors(rows) @ query, 1), atol=1e-6)
        assert np.allclose(cosines, vectors[rows] @ query, atol=5e-4)


def test_stored_vectors_come_back(index, library):
    rows = np.array([5, 0, 11_999, 5])
    assert index.vectors(rows).dtype == np.float32
    assert np.allclose(index.vectors(rows), library[0][rows], atol=5e-4)
    assert index.vectors(np.zeros(0, dtype=np.int64)).shape == (0, 32)
    with pytest.raises(IndexError):
        index.vectors(np.array([12_000]))
    with pytest.raises(IndexError):
        index.vectors(np.array([-1]))


def test_a_stored_vector_finds_itself(index, library):
    rows = np.arange(0, 12_000, 37)
    found = index.search(library[0][rows], 1)
    assert np.mean(found.rows[:, 0] == rows) >= 0.99


def test_a_small_index_agrees_with_a_plain_loop(backend):
    vectors = clustered(300, 16, seed=4)
    index = backend.build(vectors)
    queries = clustered(5, 16, seed=5)
    stored = index.vectors(np.arange(300))
    found = index.search(queries, 40)
    for query, rows in zip(queries, found.rows, strict=True):
        assert rows.tolist() == slow_search(stored, query, 40)


@pytest.mark.parametrize("size", [0, 1, 2, 15, 17, 100, 700])
def test_tiny_libraries_work_and_missing_neighbours_are_padded(backend, size):
    vectors = clustered(size + 3, 16, seed=size)
    index = backend.build(vectors[:size])
    assert (index.size, index.dimension) == (size, 16)
    found = index.search(vectors[size:], size + 5)
    check_order(found)
    assert np.all(np.sort(found.rows[:, :size], axis=1) == np.arange(size))
    assert np.all(found.rows[:, size:] == -1)


def test_no_queries_no_answers(index):
    found = index.search(np.zeros((0, 32), dtype=np.float32), 4)
    assert found.rows.shape == found.cosines.shape == (0, 4)


@pytest.mark.parametrize("dimension", [1, 2, 7, 64, 384])
def test_any_dimension_works(backend, dimension):
    vectors = clustered(600, dimension, seed=dimension)
    index = backend.build(vectors)
    assert np.allclose(index.search(vectors[:20], 1).cosines, 1, atol=1e-3)


def test_equal_rows_are_in_row_order(backend):
    vectors = clustered(2_000, 16, seed=1)
    copies = np.arange(100, 1_300, 12)
    vectors[copies] = vectors[100]
    index = backend.build(vectors)
    found = index.search(vectors[[100, 100, 50]], 30)
    assert found.rows[0].tolist() == found.rows[1].tolist() == copies[:30].tolist()
    check_order(found)
    assert same(index.search(vectors[100:101], 30), index.search(vectors[[100]], 30))
    assert index.search(vectors[100:101], 30).rows[0].tolist() == copies[:30].tolist()


def test_a_library_of_one_picture_many_times(backend):
    vectors = np.repeat(clustered(1, 16), 3_000, axis=0)
    found = backend.build(vectors).search(vectors[:2], 5)
    assert found.rows.tolist() == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("prepared", [False, True])
def test_only_allowed_rows_are_returned_and_as_many_as_there_are(index, library, share, prepared):
    mask = mask_of(12_000, share)
    allowed = AllowedRows.of(mask) if prepared else mask
    for k in (1, K, 50):
        found = index.search(library[1], k, allowed=allowed)
        check_order(found)
        assert np.all((found.rows >= 0).sum(axis=1) == min(k, mask.sum()))
        assert mask[found.rows[found.rows >= 0]].all()
        single = index.search(library[1][:1], k, allowed=allowed)
        assert np.array_equal(single.rows, found.rows[:1])


@pytest.mark.parametrize("share", [share for share in SHARES if share])
def test_most_of_the_nearest_allowed_rows_are_found(index, oracle, library, share):
    mask = mask_of(12_000, share)
    least = 0.999 if share <= 0.5 else 0.93  # few allowed rows are all compared
    for k in (1, K, 50):
        found = index.search(library[1], k, allowed=mask)
        assert recall(found, oracle.search(library[1], k, allowed=mask)) >= least


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5])
def test_where_allowed_rows_are_too_many_to_compare_the_structure_still_finds_them(
    index, oracle, library, share, monkeypatch
):
    """As in a library of millions, where a tenth is more than is scanned."""
    monkeypatch.setattr(candidates, "SCANNED_ROWS", 0)
    mask = mask_of(12_000, share, seed=1)
    found = index.search(library[1], K, allowed=mask)
    check_order(found)
    assert mask[found.rows].all()
    assert recall(found, oracle.search(library[1], K, allowed=mask)) >= 0.9


def test_the_only_allowed_rows_may_be_the_farthest(index, library):
    query = library[1][:1]
    mask = np.zeros(12_000, dtype=bool)
    mask[np.argsort(library[0] @ query[0])[:7_000]] = True
    found = index.search(query, 20, allowed=mask)
    assert (found.rows >= 0).all()
    assert mask[found.rows].all()


def test_a_mask_that_allows_everything_changes_nothing(index, library):
    everything = np.ones(12_000, dtype=bool)
    assert same(index.search(library[1], K, allowed=everything), index.search(library[1], K))


def test_prepared_rows_do_not_follow_later_changes_of_the_mask(index, library):
    mask = mask_of(12_000, 0.5)
    allowed = AllowedRows.of(mask)
    before = index.search(library[1], K, allowed=allowed)
    mask[:] = False
    assert same(index.search(library[1], K, allowed=allowed), before)
    assert (index.search(library[1], K, allowed=mask).rows == -1).all()


def test_saving_and_opening_gives_the_same_answers(index, backend, library, tmp_path):
    index.save(tmp_path)
    opened = backend.open(tmp_path)
    mask = mask_of(12_000, 0.3)
    assert (opened.size, opened.dimension, opened.backend) == (index.size, index.dimension, index.backend)
    assert same(opened.search(library[1], K), index.search(library[1], K))
    assert same(opened.search(library[1], K, allowed=mask), index.search(library[1], K, allowed=mask))
    rows = np.arange(100)
    assert np.array_equal(opened.vectors(rows), index.vectors(rows))


@pytest.mark.parametrize("size", [0, 1, 40])
def test_tiny_indexes_can_be_saved(backend, size, tmp_path):
    vectors = clustered(size + 1, 16)
    backend.build(vectors[:size]).save(tmp_path)
    found = backend.open(tmp_path).search(vectors[size:], 50)
    assert np.count_nonzero(found.rows >= 0) == size


def test_files_that_are_missing_or_cut_short_are_called_damaged(index, backend, tmp_path):
    with pytest.raises(SnapshotDamaged):
        backend.open(tmp_path)
    index.save(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SnapshotDamaged):
            backend.open(tmp_path)
        path.write_bytes(whole)
    assert backend.open(tmp_path).size == index.size


def test_building_twice_gives_the_same_index_whatever_the_threads(backend, library, build_quickly):
    vectors, queries = library[0][:4_000], library[1]
    answers = [build_quickly(backend, vectors, threads=threads).search(queries, 30) for threads in (1, 2, 3)]
    assert all(same(answer, answers[0]) for answer in answers)


def test_a_query_is_answered_alike_alone_and_in_any_company(index, library):
    queries = np.concatenate([library[1], library[0][:100]])
    together = index.search(queries, K)
    for place, query in enumerate(queries):
        alone = index.search(query[None], K)
        assert np.array_equal(alone.rows[0], together.rows[place])
        assert np.array_equal(alone.cosines[0], together.cosines[place])
    assert same(index.search(queries[::-1], K), type(together)(together.rows[::-1], together.cosines[::-1]))


def test_many_threads_searching_at_once_get_the_answers_of_one(index, library):
    queries = library[1]
    allowed = AllowedRows.of(mask_of(12_000, 0.6))
    expected = [index.search(query[None], K, allowed=allowed) for query in queries]
    batch = index.search(queries, K)

    def work(place):
        if place % 5 == 0:
            return same(index.search(queries, K), batch)
        query = place % len(queries)
        return same(index.search(queries[query][None], K, allowed=allowed), expected[query])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(80)))


def test_queries_that_cannot_be_compared_are_refused(index, library):
    query = library[1][:1]
    with pytest.raises(VectorsRefused, match="dimension 31, expected 32"):
        index.search(query[:, :31], K)
    with pytest.raises(VectorsRefused, match="shape"):
        index.search(query[0], K)
    for wrong in (np.nan, np.inf):
        broken = library[1][:3].copy()
        broken[1, 3] = wrong
        with pytest.raises(VectorsRefused, match="vector 1 .*not finite"):
            index.search(broken, K)
        with pytest.raises(VectorsRefused, match="not finite"):
            index.search(broken[1:2], K)
    for wrong in (query * 2, query * 0):
        with pytest.raises(VectorsRefused, match="length"):
            index.search(wrong, K)


def test_vectors_that_cannot_be_compared_are_not_built(backend):
    vectors = clustered(50, 8)
    vectors[7] *= 3
    with pytest.raises(VectorsRefused, match="vector 7 has length 3"):
        backend.build(vectors)
    vectors[7] = np.nan
    with pytest.raises(VectorsRefused, match="vector 7"):
        backend.build(vectors)


def test_a_wrong_mask_or_k_is_a_mistake_of_the_program(index, library):
    query = library[1][:1]
    with pytest.raises(ValueError, match="k = 0"):
        index.search(query, 0)
    with pytest.raises(ValueError, match="the mask has 11999 rows"):
        index.search(query, K, allowed=np.ones(11_999, dtype=bool))
    with pytest.raises(ValueError, match="one bool for each row"):
        index.search(query, K, allowed=np.ones(12_000, dtype=np.int64))


def test_queries_need_not_be_contiguous_or_float32(index, library):
    expected = index.search(library[1], K)
    assert same(index.search(np.asfortranarray(library[1]), K), expected)
    assert same(index.search(library[1].astype(np.float64), K), expected)
    assert same(index.search(np.repeat(library[1], 2, axis=0)[::2], K), expected)


def test_memory_is_counted(index):
    bytes_a_vector = index.bytes_in_memory / index.size
    assert 2 * index.dimension <= bytes_a_vector <= 4 * index.dimension + 300  # links of a graph, planes of trees


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_any_small_library_mask_and_k_answers_like_a_plain_loop(backend, draw):
    size = draw.draw(st.integers(1, 60))
    # few distinct values a dimension, so that equal vectors and equal cosines are common
    random = np.random.default_rng(draw.draw(st.integers(0, 2**32 - 1)))
    vectors = unit(random.integers(-1, 2, (size, 4)) + np.array([0, 0, 0, 1.5]))
    mask = random.random(size) < draw.draw(st.floats(0, 1))
    k = draw.draw(st.integers(1, 70))
    query = unit(random.integers(-1, 2, (1, 4)) + np.array([0, 0, 0, 1.5]))
    index = backend.build(vectors)
    found = index.search(query, k, allowed=mask)
    check_order(found)
    stored = index.vectors(np.arange(size))
    scores = stored @ query[0]
    best = np.sort(scores[mask])[::-1][:k]
    kept = found.rows[0] >= 0
    assert kept.sum() == len(best)
    assert mask[found.rows[0][kept]].all()
    assert np.allclose(found.cosines[0][kept], np.minimum(best, 1), atol=1e-6)


def test_the_backend_is_chosen_by_size():
    assert choose_backend(0, 256) == choose_backend(1_000, 256) == "exact"
    assert choose_backend(1_000_000, 256) == "faiss-ivfpq"
    assert all(choose_backend(size, 128) in BACKENDS for size in (1, 10_000, 100_000))
