import numpy as np

from lookalike.keypoints.matching import matches


def codes(*bits_set):
    """Codes whose first so many bits are 1."""
    made = np.zeros((len(bits_set), 128), bool)
    for row, count in enumerate(bits_set):
        made[row, :count] = True
    return np.packbits(made, axis=1).view(np.uint64)


def test_the_nearest_of_each_other_match():
    assert matches(codes(0, 60, 128), codes(126, 2, 61), ratio=0.9).tolist() == [[0, 1], [1, 2], [2, 0]]


def test_two_that_are_about_as_near_match_nobody():
    assert matches(codes(10), codes(0, 21), ratio=0.9).tolist() == []
    assert matches(codes(10), codes(1, 21), ratio=0.9).tolist() == [[0, 0]]


def test_only_one_of_two_matches_the_same():
    assert matches(codes(0, 30), codes(2, 128), ratio=1).tolist() == [[0, 0]]


def test_agrees_with_a_slow_loop():
    rng = np.random.default_rng(0)
    bits = rng.random((40, 128)) < 0.5
    noisy = bits[rng.permutation(40)[:30]] ^ (rng.random((30, 128)) < 0.2)
    one, other = (np.packbits(made, axis=1).view(np.uint64) for made in (bits, noisy))
    apart = (bits[:, None] != noisy).sum(axis=2)
    expected = []
    for row in range(40):
        first, second = np.sort(apart[row])[:2]
        column = int(apart[row].argmin())
        if apart[:, column].min() == first and first <= 0.8 * second:
            expected.append([row, column])
    assert matches(one, other, ratio=0.8).tolist() == expected
    assert len(expected) > 20


def test_nothing_matches_nothing():
    none = np.zeros((0, 2), np.uint64)
    for one, other in ((none, codes(1, 2)), (codes(1, 2), none), (codes(1), codes(1))):
        assert len(matches(one, other, ratio=0.9)) == 0
