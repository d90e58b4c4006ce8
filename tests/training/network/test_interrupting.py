import signal
import subprocess
import sys
import threading
from dataclasses import replace

from lookalike.training.network.interrupting import stop_requests
from training.network.small_run import SETTINGS, training

TWO_SIGNALS = """
import signal
from lookalike.training.network.interrupting import stop_requests

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs are started without it
with stop_requests() as request:
    print(request.made)
    signal.raise_signal(signal.SIGINT)
    print(request.made)
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("interrupted")
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_signals_mean_what_they_meant_when_the_run_is_over(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    training(tmp_path, settings=replace(SETTINGS, steps=1)).run()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_signal_is_a_request_and_the_second_means_what_it_did():
    """In a process of its own: a signal must not reach whoever runs the tests."""
    done = subprocess.run([sys.executable, "-c", TWO_SIGNALS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "interrupted", "interrupted"]


def test_other_threads_hear_nothing_and_disturb_nothing():
    before, made = signal.getsignal(signal.SIGINT), []

    def run():
        with stop_requests() as request:
            made.append((request.made, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert made == [(False, True)]
