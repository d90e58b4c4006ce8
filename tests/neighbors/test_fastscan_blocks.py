"""Building from vectors on disk, and what an index holds in memory and what it maps."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.errors import StorageFailed, VectorsRefused
from lookalike.neighbors import BACKENDS, AllowedRows, CodesSearch, build_parameters, search_parameters
from lookalike.neighbors.lists.fastscan import build, build_from_blocks
from unit_vectors import clustered

BACKEND = BACKENDS["faiss-ivfpq"]


def cut(vectors, *sizes):
    """Blocks of those sizes, the rest in the last one."""
    bounds = [0, *np.cumsum(sizes), len(vectors)]
    return lambda: (vectors[start:end] for start, end in pairwise(bounds))


def same(one, other):
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.cosines, other.cosines)


def recall(found, truth):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.rows, truth.rows, strict=True)])


@pytest.fixture(scope="module")
def large():
    """70,000 vectors, more than are added at once, and 100 queries."""
    vectors = clustered(70_100, 16, clusters=300, seed=3)
    return vectors[:70_000], vectors[70_000:]


@pytest.fixture(scope="module")
def whole(large):
    return build(large[0])


@pytest.fixture(scope="module")
def pieces(large, tmp_path_factory):
    working = tmp_path_factory.mktemp("working")
    return build_from_blocks(cut(large[0], 1, 30_000, 0, 20_011), 70_000, 16, working=working), working


def test_blocks_give_the_index_that_all_vectors_at_once_give(large, whole, pieces):
    index, _ = pieces
    assert (index.size, index.dimension, index.building, index.searching) == (
        (70_000, 16, whole.building, whole.searching)
    )
    assert same(index.search(large[1], 50), whole.search(large[1], 50))
    shown = AllowedRows.of(np.arange(70_000) % 3 == 0)
    assert same(index.search(large[1], 10, allowed=shown), whole.search(large[1], 10, allowed=shown))
    assert np.array_equal(index.vectors(np.arange(70_000)), whole.vectors(np.arange(70_000)))


def test_the_files_are_those_of_the_index_that_was_built_in_memory(whole, pieces, tmp_path):
    index, working = pieces
    before = (working / "vectors.faiss").stat()
    for saved, directory in ((index, working), (whole, tmp_path)):
        saved.save(directory)
    after = (working / "vectors.faiss").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)  # mapped: it must not be touched
    for name in ("lists.faiss", "vectors.faiss", "parameters.json"):
        assert (working / name).read_bytes() == (tmp_path / name).read_bytes()


def test_an_index_that_maps_a_file_can_be_saved_elsewhere_and_back(pieces, large, tmp_path):
    index, working = pieces
    answer = index.search(large[1], 10)
    index.save(tmp_path)
    index.save(working)
    opened = BACKEND.open(tmp_path)
    assert same(opened.search(large[1], 10), answer)
    opened.save(tmp_path)
    assert same(opened.search(large[1], 10), answer)
    assert same(BACKEND.open(tmp_path).search(large[1], 10), answer)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 400), max_size=6), size=st.integers(0, 900))
def test_any_small_library_in_any_blocks(sizes, size, tmp_path):
    vectors = clustered(size + 5, 8, seed=size)
    steps = np.diff([0, *np.minimum(np.cumsum(sizes), size)]).tolist()
    index = build_from_blocks(cut(vectors[:size], *steps), size, 8, working=tmp_path)
    assert same(index.search(vectors[size:], 7), build(vectors[:size]).search(vectors[size:], 7))


@pytest.mark.parametrize("memory", ["codes", "small"])
def test_other_amounts_of_memory_are_built_from_blocks_alike(large, memory, tmp_path):
    parameters = build_parameters(70_000, 16, memory=memory)
    index = build_from_blocks(cut(large[0], 9_000), 70_000, 16, working=tmp_path, parameters=parameters)
    assert same(index.search(large[1], 10), build(large[0], parameters=parameters).search(large[1], 10))
    assert (tmp_path / "vectors.faiss").exists() == parameters.refine


def test_blocks_that_hold_another_number_of_rows_are_a_mistake_of_the_program(large, tmp_path):
    for announced in (1_999, 2_001):
        with pytest.raises(ValueError, match="the blocks hold 2000 rows"):
            build_from_blocks(cut(large[0][:2_000], 700), announced, 16, working=tmp_path)
    answers = iter([cut(large[0][:2_000]), cut(large[0][:1_500])])
    with pytest.raises(ValueError, match="the blocks hold 1500 rows the second time"):
        build_from_blocks(lambda: iter(next(answers)()), 2_000, 16, working=tmp_path)


def test_blocks_with_vectors_that_cannot_be_compared_are_refused(large, tmp_path):
    with pytest.raises(VectorsRefused, match="dimension 16, expected 8"):
        build_from_blocks(cut(large[0][:2_000]), 2_000, 8, working=tmp_path)
    broken = large[0][:2_000].copy()
    broken[1_234] *= 2
    with pytest.raises(VectorsRefused, match="length 2"):
        build_from_blocks(cut(broken, 1_000), 2_000, 16, working=tmp_path)


def test_a_full_disk_is_said_while_vectors_are_written(large, tmp_path):
    with pytest.raises(StorageFailed, match="could not be written"):
        build_from_blocks(cut(large[0][:2_000]), 2_000, 16, working=tmp_path / "nowhere")


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="counts pages by Linux's /proc")
def test_opening_does_not_read_the_vectors(pieces, tmp_path):
    pieces[0].save(tmp_path)
    code = (
        "import sys, numpy as np; from pathlib import Path; from lookalike.neighbors import BACKENDS\n"
        "def touched():\n"
        "    lines = Path('/proc/self/smaps').read_text().splitlines()\n"
        "    places = [i for i, line in enumerate(lines) if line.endswith('/vectors.faiss')]\n"
        "    return sum(int(next(l for l in lines[i:] if l.startswith('Rss')).split()[1]) for i in places)\n"
        "index = BACKENDS['faiss-ivfpq'].open(Path(sys.argv[1]))\n"
        "opened = touched()\n"
        "index.vectors(np.arange(index.size))\n"
        "print(opened, touched())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    opened, read = (int(kilobytes) for kilobytes in answer.stdout.split())
    assert read >= 70_000 * 32 // 1_024
    assert opened < read / 4


def test_what_is_mapped_is_not_counted_as_memory(whole, pieces, tmp_path):
    whole.save(tmp_path)
    opened = BACKEND.open(tmp_path)
    assert opened.bytes_mapped == pieces[0].bytes_mapped == 70_000 * 32
    assert whole.bytes_mapped == 0
    assert whole.bytes_in_memory == opened.bytes_in_memory + 70_000 * 32
    assert opened.bytes_in_memory == pieces[0].bytes_in_memory
    assert 0 <= (tmp_path / "lists.faiss").stat().st_size - opened.bytes_in_memory < 30_000


@pytest.mark.parametrize(
    ("dimension", "memory", "codes"), [(256, "usual", 128), (256, "small", 32), (384, "small", 48)]
)
def test_codes_follow_the_memory_wanted(dimension, memory, codes):
    assert build_parameters(1_000_000, dimension, memory=memory).subquantizers == codes


@pytest.mark.parametrize("dimension", [1, 2, 7, 12, 100, 250, 384])
@pytest.mark.parametrize("memory", ["usual", "codes", "small"])
def test_codes_always_divide_the_dimension(dimension, memory):
    codes = build_parameters(10_000, dimension, memory=memory).subquantizers
    assert dimension % codes == 0
    assert codes >= dimension / (8 if memory == "small" else 2)


@pytest.fixture(scope="module")
def embeddings():
    """20,000 vectors of 256 dimensions, 200 queries, and the true neighbours of these."""
    vectors = clustered(20_200, 256, clusters=150, rank=24, seed=8)
    return vectors[:20_000], vectors[20_000:], BACKENDS["exact"].build(vectors[:20_000]).search(vectors[20_000:], 10)


@pytest.mark.parametrize(("memory", "most_bytes", "least_recall"), [("codes", 80, 0.75), ("small", 40, 0.9)])
def test_recall_in_little_memory(embeddings, tmp_path, memory, most_bytes, least_recall):
    vectors, queries, truth = embeddings
    parameters = build_parameters(*vectors.shape, memory=memory)
    build_from_blocks(cut(vectors), *vectors.shape, working=tmp_path, parameters=parameters).save(tmp_path)
    opened = BACKEND.open(tmp_path)
    assert opened.bytes_in_memory <= most_bytes * len(vectors)
    assert recall(opened.search(queries, 10), truth) >= least_recall


def test_coarse_codes_ask_for_more_candidates():
    usual, small = (build_parameters(200_000, 256, memory=memory) for memory in ("usual", "small"))
    assert search_parameters(usual, 256) == search_parameters(usual) == CodesSearch(probes=32)
    assert search_parameters(small, 256).candidates_for(10) > search_parameters(usual, 256).candidates_for(10)
