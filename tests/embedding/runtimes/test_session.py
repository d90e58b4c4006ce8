import threading
import time

import numpy as np
import pytest

from lookalike.embedding.runtimes.session import Lanes, WideOrNarrow


@pytest.fixture
def batch():
    return np.arange(12, dtype=np.float32).reshape(12, 1, 1, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_rows_keep_their_order_and_run_one_by_one(batch, count):
    shapes = []

    def run_one(_lane, row):
        shapes.append(row.shape)
        time.sleep(0.002 * float(row[0, 0, 0, 0] % 3))
        return row.reshape(-1) * 2

    lanes = Lanes(list(range(count)), run_one)
    np.testing.assert_array_equal(lanes.run(batch), batch.reshape(12, 1) * 2)
    assert set(shapes) == {(1, 1, 1, 1)}
    assert lanes.concurrency == count
    lanes.close()


def test_a_lane_is_used_by_one_row_at_a_time_and_comes_back_after_an_error(batch):
    busy, worst, lock = {0: 0, 1: 0}, [0], threading.Lock()

    def run_one(lane, row):
        with lock:
            busy[lane] += 1
            worst[0] = max(worst[0], busy[lane])
        time.sleep(0.001)
        with lock:
            busy[lane] -= 1
        if row[0, 0, 0, 0] == 5:
            raise RuntimeError("a damaged row")
        return row.reshape(-1)

    lanes = Lanes([0, 1], run_one)
    for _ in range(3):  # were lanes lost, the third would wait for ever
        with pytest.raises(RuntimeError, match="damaged"):
            lanes.run(batch)
    assert lanes.run(batch[:5]).shape == (5, 1)
    assert worst == [1]
    lanes.close()


class Bits:
    """A session that adds a number."""

    def __init__(self, number):
        self.number = number
        self.closed = False
        self.ran = 0
        self.held = None

    concurrency = 1

    def run(self, batch):
        self.ran += 1
        if self.held:
            self.held.wait(60)
        return batch.reshape(len(batch), -1) + np.float32(self.number)

    def close(self):
        self.closed = True


def test_lanes_that_compute_other_bits_are_not_used():
    wide, narrow = Bits(1), Bits(2)
    session = WideOrNarrow(wide, lambda: narrow, probe=np.zeros((1, 3), np.float32), concurrency=2)
    assert not session.wait()
    assert narrow.closed
    assert session.run(np.zeros((4, 3), np.float32))[0, 0] == 1


def test_an_image_that_is_alone_has_all_threads_and_others_one_each():
    wide, narrow = Bits(1), Bits(1)
    session = WideOrNarrow(wide, lambda: narrow, probe=np.zeros((1, 3), np.float32), concurrency=2)
    assert session.wait()
    one = np.zeros((1, 3), np.float32)
    session.run(one)
    assert (wide.ran, narrow.ran) == (2, 1)
    wide.held = threading.Event()
    alone = threading.Thread(target=session.run, args=(one,))
    alone.start()
    while wide.ran < 3:
        time.sleep(0.001)
    session.run(one)
    assert (wide.ran, narrow.ran) == (3, 2)
    wide.held.set()
    alone.join()
    session.run(np.zeros((4, 3), np.float32))
    assert (wide.ran, narrow.ran) == (3, 3)
    session.close()
    assert wide.closed
    assert narrow.closed
