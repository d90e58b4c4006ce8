import numpy as np
import pytest

from lookalike.errors import CallerError, DependencyMissing
from lookalike.neighbors import BACKENDS
from lookalike.snapshot import Truth
from lookalike.tuning import Goals, Sample, candidates, choice_of, tune
from unit_vectors import clustered


@pytest.fixture(scope="module")
def sample(vectors):
    return Sample.of(vectors)


@pytest.fixture
def tuned(sample, tmp_path):
    def run(goals=None, *, backends=("forgetful",), budget=60.0, **options):
        return tune(sample, goals or Goals(recall=0.95), backends=backends, folder=tmp_path, budget=budget, **options)

    return run


def test_the_cheapest_setting_that_surely_finds_enough_is_chosen(forgetful, tuned):
    tuning = tuned()
    assert tuning.chosen.searching.share == 0.97
    assert tuning.chosen.recall.mean == pytest.approx(0.97, abs=0.01)
    assert tuning.chosen.checked.mean == pytest.approx(0.97, abs=0.01)
    assert [one.searching.share for one in tuning.measured] == [0.5, 0.8, 0.9, 0.97]


def test_a_recall_that_only_seems_to_be_reached_is_not_chosen(forgetful, tuned):
    forgetful.shares = (0.952, 0.98)
    tuning = tuned()
    assert tuning.chosen.searching.share == 0.98, "0.952 is within the sample's error of 0.95"


def test_only_exact_search_finds_everything_for_sure(forgetful, tuned):
    assert tuned(Goals(recall=1.0)).chosen is None
    everything = tuned(Goals(recall=1.0), backends=("forgetful", "exact")).chosen
    assert (everything.backend, everything.recall.mean) == ("exact", 1.0)


def test_memory_decides_between_builds(forgetful, tuned):
    forgetful.shelves = (forgetful.building(bytes_a_vector=1_000), forgetful.building(bytes_a_vector=50))
    assert tuned().chosen is not None
    small = tuned(Goals(recall=0.95, memory=3_000 * 60)).chosen
    assert small.building.bytes_a_vector == 50
    assert small.bytes_in_memory == 3_000 * 50, "of the whole library, images that were asked with included"


@pytest.mark.parametrize(
    ("goals", "said"),
    [
        (Goals(recall=0.95, memory=3_000 * 60), "No index fits into 180 kB: 300 kB (by forgetful"),
        (Goals(recall=0.95, latency=1e-6), "No index answers within 1.00 µs"),
        (Goals(recall=0.999), "No index finds 0.999 of the true ten nearest: 0.9"),
    ],
)
def test_goals_out_of_reach_are_named_with_what_comes_nearest(forgetful, tuned, goals, said):
    forgetful.shelves = (forgetful.building(ceiling=0.99),)
    tuning = tuned(goals)
    assert tuning.chosen is None
    assert said in tuning.because
    with pytest.raises(ValueError, match="nothing was chosen"):
        choice_of(tuning, fingerprint="ab" * 32, dimension=16)


def test_goals_that_cannot_be_met_together_name_each_compromise(forgetful, tuned):
    building = forgetful.building
    forgetful.shelves = (building(bytes_a_vector=10, ceiling=0.7), building(bytes_a_vector=1_000))
    tuning = tuned(Goals(recall=0.95, memory=3_000 * 100))
    assert tuning.chosen is None
    assert "With the memory and latency asked for, the highest recall is 0.7" in tuning.because
    assert "With the recall asked for, the smallest takes 3.00 MB" in tuning.because


def test_an_index_that_finds_no_more_with_more_effort_is_given_up(forgetful, tuned):
    forgetful.shelves = (forgetful.building(ceiling=0.7),)
    assert [one.searching.share for one in tuned().measured] == [0.5, 0.8, 0.9, 0.97]


def test_no_build_is_begun_when_the_time_is_used_up(forgetful, tuned):
    forgetful.shelves = tuple(forgetful.building(bytes_a_vector=count) for count in (10, 20, 30))
    tuning = tuned(budget=0.0)
    assert len(forgetful.built) == 1, "something is measured, whatever the time"
    assert len(tuning.left_out) == 2
    assert "time" in tuning.left_out[0]


def test_an_index_that_will_be_too_large_is_not_built_whole(forgetful, tmp_path):
    forgetful.shelves = (forgetful.building(bytes_a_vector=1_000),)
    random = np.random.default_rng(0).standard_normal((60_000, 4), dtype=np.float32)
    large = Sample.of(random / np.linalg.norm(random, axis=1, keepdims=True))
    goals = Goals(recall=0.5, memory=10_000_000)
    tuning = tune(large, goals, backends=("forgetful",), folder=tmp_path, budget=60)
    assert tuning.measured == ()
    assert "would take about 5" in tuning.left_out[0]
    assert tuning.chosen is None


def test_ctrl_c_leaves_nothing_behind(forgetful, tuned, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    forgetful.when_built = interrupt
    with pytest.raises(KeyboardInterrupt):
        tuned()
    assert list(tmp_path.iterdir()) == []


def test_what_is_measured_leaves_no_files(forgetful, tuned, tmp_path):
    tuned(backends=("forgetful", "exact"))
    assert list(tmp_path.iterdir()) == []


def test_the_front_holds_what_nothing_beats(forgetful, tuned):
    tuning = tuned(backends=("forgetful", "exact"))
    assert tuning.chosen in tuning.front
    for one in tuning.measured:
        better = [
            other
            for other in tuning.measured
            if other.recall.mean >= one.recall.mean
            and other.p50_seconds <= one.p50_seconds
            and other.bytes_in_memory <= one.bytes_in_memory
            and other != one
        ]
        assert (one in tuning.front) == (better == [])


def test_backends_are_named_or_suit_the_size(monkeypatch):
    assert "exact" in candidates(1_000, 256)
    assert "exact" not in candidates(10_000_000, 256)
    assert "faiss-ivfpq" in candidates(10_000_000, 256)
    assert candidates(1_000, 256, ["hnsw", "exact", "hnsw"]) == ("hnsw", "exact")
    assert not {"annoy", "kd-tree", "r-tree", "scann"} & set(candidates(1_000, 256))
    with pytest.raises(CallerError, match="there is no index 'hnws'; there are .*hnsw"):
        candidates(1_000, 256, ["hnws"])
    monkeypatch.setattr("lookalike.tuning.tuner.available", lambda name: name != "scann")
    with pytest.raises(DependencyMissing, match="lookalike\\[scann\\]"):
        candidates(1_000, 256, ["scann"])


def test_queries_are_not_in_what_is_searched(vectors):
    sample = Sample.of(vectors)
    assert len(sample.vectors) + len(sample.choosing.queries) + len(sample.checking.queries) == 3_000
    everything = np.concatenate([sample.vectors, sample.choosing.queries, sample.checking.queries])
    rounded = vectors.astype(np.float16).astype(np.float32)
    assert np.array_equal(everything[np.lexsort(everything.T)], rounded[np.lexsort(rounded.T)])
    again = Sample.of(vectors)
    assert np.array_equal(again.choosing.queries, sample.choosing.queries)


def test_a_handful_of_images_is_not_measured():
    with pytest.raises(CallerError, match="99 images are too few"):
        Sample.of(clustered(99, 16))
    assert len(Sample.of(clustered(100, 16)).choosing.queries) == 10


SLACK = 0.03
"""Which setting is fastest depends on the machine, another k-means finds other lists, and a fifth of so small a library
is held out for the queries; the slow test holds the promise to 0.01 at 200,000."""
APART = 0.05
"""Where few lists are read, two indexes of one setting were 0.043 apart at this size."""


@pytest.mark.parametrize("backend", ["faiss-ivfpq", "hnsw", "ivf-flat"])
def test_the_promise_holds_for_images_the_library_never_saw(tmp_path, backend):
    vectors = clustered(14_000, 48, clusters=80)
    order = np.random.default_rng(4).permutation(len(vectors))
    library, fresh = vectors[order[:12_000]], vectors[order[12_000:]].astype(np.float16).astype(np.float32)
    sample = Sample.of(library)
    tuning = tune(sample, Goals(recall=0.9), backends=(backend,), folder=tmp_path, budget=60)
    chosen = tuning.chosen
    index = BACKENDS[backend].build(library, parameters=chosen.building).searching_with(chosen.searching)
    stored = library.astype(np.float16).astype(np.float32)
    recall = Truth.of(stored, fresh).recall_of(index, stored.__getitem__)
    assert abs(recall.mean - chosen.checked.mean) < APART
    assert recall.mean > 0.9 - SLACK


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_the_promise_holds_at_two_hundred_thousand(tmp_path):
    vectors = clustered(204_000, 256, clusters=100, rank=24)
    order = np.random.default_rng(4).permutation(len(vectors))
    library = np.ascontiguousarray(vectors[order[:200_000]])
    fresh = vectors[order[200_000:]].astype(np.float16).astype(np.float32)
    del vectors
    sample = Sample.of(library)
    names = candidates(200_000, 256)
    tuning = tune(sample, Goals(recall=0.95), backends=names, folder=tmp_path, budget=300)
    chosen = tuning.chosen
    told = f"{tuning.because} {tuning.left_out} {tuning.seconds:.0f} s; promised {chosen.checked}"
    print(told)  # noqa: T201 - shown by pytest -s, for docs/tuning.md
    index = BACKENDS[chosen.backend].build(library, parameters=chosen.building).searching_with(chosen.searching)
    stored = library.astype(np.float16).astype(np.float32)
    recall = Truth.of(stored, fresh).recall_of(index, stored.__getitem__)
    assert abs(recall.mean - chosen.checked.mean) <= 0.01
    assert tuning.seconds < 900
