import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import numpy as np
import pytest

from lookalike.errors import CropRefused, ImageRefused
from lookalike.preprocessing import Preprocessing, decoding_processes, prepare
from lookalike.preprocessing.decoding_processes import DecodingProcesses
from lookalike.types import Box
from pictures import jpeg_bytes, photo, png_bytes

MODEL = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

MISBEHAVING = """
import os, sys, time
import lookalike.preprocessing.decoder_process as child

usual = child.prepare

def prepare(content, *args, **options):
    if content == b"crash":
        os.abort()
    if content == b"hang":
        time.sleep(3600)
    if content == b"spin":
        while True:
            pass
    if content == b"swell":
        return [bytearray(1 << 24) for _ in range(1 << 12)]
    if content == b"lie":
        os.write(int(sys.argv[1]), b"x" * 100)
    return usual(content, *args, **options)

child.prepare = prepare
child.main()
"""


@pytest.fixture(scope="module")
def decoding():
    opened = DecodingProcesses(1)
    yield opened
    opened.close()


@pytest.fixture
def misbehaving(monkeypatch):
    """Opens a process that does as certain contents say; a picture may take it so many seconds."""
    start = subprocess.Popen
    monkeypatch.setattr(
        decoding_processes.subprocess,
        "Popen",
        lambda command, **options: start([sys.executable, "-c", MISBEHAVING, *command[3:]], **options),
    )
    with ExitStack() as ending:
        yield lambda seconds: ending.enter_context(
            closing(DecodingProcesses(1, seconds=seconds, memory=256 * 1024 * 1024))
        )


@pytest.mark.parametrize("crop", [None, Box(x=0.1, y=0.2, width=0.5, height=0.6)])
@pytest.mark.parametrize("content", [jpeg_bytes(photo(seed=1)), png_bytes(photo(seed=2, width=900, height=200))])
def test_pictures_are_prepared_as_in_this_process(decoding, content, crop):
    ours, theirs = (way(content, MODEL, name="a", crop=crop) for way in (prepare, decoding.prepare))
    np.testing.assert_array_equal(theirs.rows, ours.rows)
    assert theirs.columns == ours.columns
    assert (theirs.width, theirs.height, theirs.media_type, theirs.mean_colour) == (
        ours.width,
        ours.height,
        ours.media_type,
        ours.mean_colour,
    )


def test_refusals_are_those_of_this_process(decoding):
    outside = Box(x=1e6, y=0, width=1, height=1, unit="pixel")
    for content, crop, kind in (
        (b"no picture", None, ImageRefused),
        (b"", None, ImageRefused),
        (jpeg_bytes(photo(seed=1)), outside, CropRefused),
    ):
        told = []
        for way in (prepare, decoding.prepare):
            with pytest.raises(kind) as refusal:
                way(content, MODEL, name="a", crop=crop)
            told.append((str(refusal.value), getattr(refusal.value, "reason", None)))
        assert told[0] == told[1]
    assert decoding.lost == 0


@pytest.mark.parametrize(
    ("content", "seconds", "words"),
    [
        (b"crash", 30.0, "crashed"),
        (b"hang", 1.0, "longer than 1 s"),
        (b"spin", 1.0, "longer than 1 s"),
        (b"swell", 30.0, "memory"),
        (b"lie", 30.0, "damaged"),
    ],
)
def test_a_decoder_that_fails_costs_one_picture(misbehaving, content, seconds, words):
    decoding = misbehaving(seconds)
    with pytest.raises(ImageRefused, match=words) as refusal:
        decoding.prepare(content, MODEL, name="a.jpg")
    assert refusal.value.reason == "decoder-failed"
    assert decoding.lost == 1
    good = jpeg_bytes(photo(seed=1))
    np.testing.assert_array_equal(decoding.prepare(good, MODEL, name="a").rows, prepare(good, MODEL, name="a").rows)


def test_a_process_that_is_killed_is_replaced_while_others_decode():
    opened, good = DecodingProcesses(2), jpeg_bytes(photo(seed=1))
    expected, failures = prepare(good, MODEL, name="a").rows, []

    def work():
        for _ in range(30):
            try:
                np.testing.assert_array_equal(opened.prepare(good, MODEL, name="a").rows, expected)
            except ImageRefused as refusal:
                failures.append(refusal.reason)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    os.kill(next(iter(opened._all))._process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert failures in ([], ["decoder-failed"])
    opened.close()
