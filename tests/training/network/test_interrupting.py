import signal
import threading
from dataclasses import replace

import pytest

from lookalike.training.network.interrupting import stop_requests
from training.network.small_run import SETTINGS, training


def test_signals_mean_what_they_meant_when_the_run_is_over(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    training(tmp_path, settings=replace(SETTINGS, steps=1)).run()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_signal_is_a_request_and_the_second_means_what_it_did():
    with stop_requests() as request:
        heard = [request.made]
        signal.raise_signal(signal.SIGINT)
        heard.append(request.made)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert heard == [False, True]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_other_threads_hear_nothing_and_disturb_nothing():
    before, made = signal.getsignal(signal.SIGINT), []

    def run():
        with stop_requests() as request:
            made.append((request.made, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert made == [(False, True)]
