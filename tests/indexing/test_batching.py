from lookalike.indexing.batching import batched_by


def test_batches_close_by_size_or_by_time():
    clock = iter([0, 1, 1, 1, 1, 1, 9, 9, 9, 9])
    assert list(batched_by(3, "abcde", seconds=5, now=lambda: next(clock))) == [["a", "b", "c"], ["d", "e"]]
    slow = iter(range(0, 1000, 10))
    assert list(batched_by(3, "abc", seconds=5, now=lambda: next(slow))) == [["a"], ["b"], ["c"]]
