"""Two real processes learn what one does."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lookalike.errors import TrainingRefused
from lookalike.training.network.checkpoint import load_checkpoint
from lookalike.training.network.loop import Stopped
from lookalike.training.network.parallel import ALONE, Place, place_of_this_process
from lookalike.training.run import RunFolder
from training.network.parallel_run import SETTINGS, network
from training.network.small_run import training

HERE = Path(__file__).parent


def free_port():
    """Below those that connections get, for who tries to connect before the other listens may meet itself there."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no port is free")


def in_two_processes(folder, what):
    """What each process printed, by rank."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")} | {
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path]),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
    }
    command = [sys.executable, str(HERE / "parallel_run.py"), str(folder), what]
    started = [
        subprocess.Popen(
            command, env=environment | {"RANK": str(rank)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=240) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], told
    return [re.search(rf"rank {rank} (.*)", out).group(1) for rank, (out, _) in enumerate(told)]


def weights(folder, file="last.pt"):
    return load_checkpoint(folder / file)["model"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    result = training(folder, settings=SETTINGS, model=network()).run()
    return folder, result


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    return folder, in_two_processes(folder, "whole")


def test_two_processes_learn_what_one_learns_and_end_alike(alone, both):
    (one, result), (two, told) = alone, both
    assert told[0] == told[1]
    assert told[0].startswith(f"finished 12 {result.best_step} ")
    for name, value in weights(one).items():
        assert torch.allclose(weights(two)[name], value, atol=1e-5), name
    ours, theirs = RunFolder(one).lines(), RunFolder(two).lines()
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    assert [line["loss"] for line in ours if "loss" in line] == pytest.approx(
        [line["loss"] for line in theirs if "loss" in line], rel=1e-4
    )


def test_a_stop_asked_of_one_process_stops_all_and_the_run_goes_on(both, tmp_path):
    stopped = in_two_processes(tmp_path, "stop")
    assert [words.split()[:2] for words in stopped] == [["interrupted", "5"]] * 2
    resumed = in_two_processes(tmp_path, "resume")
    assert resumed == both[1]
    assert all(torch.equal(value, weights(both[0])[name]) for name, value in weights(tmp_path).items())


@pytest.mark.slow
def test_a_run_of_two_processes_goes_on_in_one(alone, tmp_path):
    in_two_processes(tmp_path, "stop")
    result = training(tmp_path, settings=SETTINGS, model=network()).run(resume=True)
    assert (result.stopped, result.steps) == (Stopped.FINISHED, 12)
    assert all(torch.allclose(weights(tmp_path)[name], value, atol=1e-5) for name, value in weights(alone[0]).items())


@pytest.mark.slow
def test_a_loss_that_is_no_number_in_one_process_ends_all(tmp_path):
    assert in_two_processes(tmp_path, "nan") == ["diverged", "diverged"]
    assert load_checkpoint(tmp_path / "last.pt")["progress"]["step"] == 4


@pytest.mark.slow
def test_torchrun_starts_it(alone, tmp_path):
    command = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2"]
    subprocess.run(
        [sys.executable, *command, str(HERE / "parallel_run.py"), str(tmp_path), "whole"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path]), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=240,
    )
    assert all(torch.allclose(weights(tmp_path)[name], value, atol=1e-5) for name, value in weights(alone[0]).items())


def test_every_batch_of_a_step_is_one_process_s():
    shares = [list(Place(rank=rank, count=3).numbers(5, 6)) for rank in range(3)]
    assert sorted(number for share in shares for number in share) == list(range(30, 36))
    assert {len(share) for share in shares} == {2}


def test_batches_that_cannot_be_shared_evenly_are_refused(tmp_path):
    with pytest.raises(TrainingRefused, match="accumulate is 2, but there are 3 processes"):
        training(tmp_path, settings=SETTINGS, model=network(), place=Place(rank=1, count=3))


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with place_of_this_process() as place:
        assert place is ALONE
