"""Training that can be killed anywhere and ends with the same weights."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lookalike.errors import MemoryExhausted, TrainingDiverged, TrainingRefused
from lookalike.training.network.checkpoint import load_checkpoint
from lookalike.training.network.loop import LoopSettings, Stopped
from lookalike.training.run import RunFolder
from training.network.small_run import SETTINGS, batch_at, loss_of, network, training

HERE = Path(__file__).parent


def weights(folder):
    state = load_checkpoint(folder / "last.pt")
    return {**state["model"], **{f"average {name}": value for name, value in state["average"].items()}}


def same_bits(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    result = training(folder).run()
    return folder, result


def test_a_run_learns_and_leaves_its_story(whole):
    folder, result = whole
    assert (result.stopped, result.steps) == (Stopped.FINISHED, 40)
    lines = RunFolder(folder).lines()
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 40
    assert sum(losses[-5:]) < sum(losses[:5])
    validations = {line["step"]: line["validation"] for line in lines if "validation" in line}
    assert list(validations) == [10, 20, 30, 40]
    assert result.best_value == max(validations.values()) == validations[result.best_step]
    assert json.loads((folder / "config.json").read_text())["loop"]["steps"] == 40


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(whole, tmp_path):
    folder, _ = whole
    training(tmp_path / "again").run()
    assert same_bits(weights(tmp_path / "again"), weights(folder))
    training(tmp_path / "other", settings=replace(SETTINGS, seed=1)).run()
    assert not same_bits(weights(tmp_path / "other"), weights(folder))


@pytest.mark.parametrize("what", ["batch 33", "sync 31"])
def test_a_killed_run_goes_on_to_the_same_bits_and_the_same_story(whole, tmp_path, what):
    folder, _ = whole
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path])}
    command = [sys.executable, str(HERE / "small_run.py"), str(tmp_path), *what.split()]
    killed = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < load_checkpoint(tmp_path / "last.pt")["progress"]["step"] < 40
    result = training(tmp_path).run(resume=True)
    assert result.steps == 40
    assert same_bits(weights(tmp_path), weights(folder))
    assert RunFolder(tmp_path).lines() == RunFolder(folder).lines()


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(whole, tmp_path):
    folder, _ = whole
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "metrics.jsonl").write_text('{"loss": 9.0, "step": 1}\n')
    training(tmp_path).run(resume=True)
    assert same_bits(weights(tmp_path), weights(folder))
    assert RunFolder(tmp_path).lines() == RunFolder(folder).lines()


@pytest.mark.slow  # signals itself: not in a process that runs other tests beside it
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_after_the_step_with_a_checkpoint_from_which_the_run_goes_on(whole, tmp_path, number):
    folder, _ = whole
    settings = replace(SETTINGS, checkpoint_minutes=60.0)

    def interrupted(batch):
        if batch == 25:
            os.kill(os.getpid(), number)
        return batch_at(batch)

    result = training(tmp_path / "run", settings=settings, batch_at=interrupted).run()
    assert (result.stopped, result.steps) == (Stopped.INTERRUPTED, 13)
    assert load_checkpoint(tmp_path / "run" / "last.pt")["progress"]["step"] == 13
    assert training(tmp_path / "run", settings=settings).run(resume=True).stopped is Stopped.FINISHED
    assert same_bits(weights(tmp_path / "run"), weights(folder))


def test_training_stops_when_it_gets_no_better_and_keeps_the_best(tmp_path):
    values = iter([0.1, 0.5, 0.4, 0.3, 0.2])
    kept = []

    def validate(model):
        kept.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(values)

    settings = replace(SETTINGS, validate_every=2, patience=2)
    run = training(tmp_path, settings=settings, validate=validate)
    result = run.run()
    assert (result.stopped, result.steps, result.best_step, result.best_value) == (Stopped.NO_BETTER, 8, 4, 0.5)
    assert same_bits(run.model.state_dict(), kept[1])
    assert not run.model.training


def test_accumulated_batches_are_one_step_of_their_mean(tmp_path):
    def plain():
        torch.manual_seed(0)
        return torch.nn.Linear(8, 2)

    def mean_of(model, batch):
        return model(batch[0]).square().mean()

    settings = LoopSettings(steps=3, optimiser="sgd", learning_rate=0.1, checkpoint_minutes=60)
    options = {"loss_of": mean_of, "validate": None}
    apart = training(tmp_path / "a", settings=replace(settings, accumulate=2), model=plain(), **options)
    apart.run()

    def both(number):
        return (torch.cat([batch_at(2 * number)[0], batch_at(2 * number + 1)[0]]), None)

    together = training(tmp_path / "b", settings=settings, model=plain(), batch_at=both, **options)
    together.run()
    assert torch.allclose(apart.model.weight, together.model.weight, atol=1e-6)


def test_a_loss_that_is_no_number_ends_with_advice_and_without_spoiling_the_checkpoint(tmp_path):
    def spoilt(model, batch):
        loss = loss_of(model, batch)
        return loss * float("nan") if len(RunFolder(tmp_path).lines()) >= 8 else loss

    run = training(tmp_path, loss_of=spoilt)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        run.run()
    assert all(torch.isfinite(value).all() for value in weights(tmp_path).values())
    assert load_checkpoint(tmp_path / "last.pt")["progress"]["step"] >= 1


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_too_little_memory_ends_with_advice(tmp_path, fault):
    def hungry(_model, _batch):
        raise fault

    with pytest.raises(MemoryExhausted, match="make the batch smaller"):
        training(tmp_path, loss_of=hungry).run()


def test_a_real_allocation_that_cannot_be_had_ends_with_advice(tmp_path):
    def hungry(_model, _batch):
        return torch.empty(2**50, dtype=torch.float64).sum()

    with pytest.raises(MemoryExhausted):
        training(tmp_path, loss_of=hungry).run()


def test_other_faults_stay_what_they_are(tmp_path):
    def wrong(_model, _batch):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        training(tmp_path, loss_of=wrong).run()


def test_a_folder_with_a_run_is_not_begun_again_nor_gone_on_with_other_settings(whole):
    folder, _ = whole
    with pytest.raises(TrainingRefused, match="resume it"):
        training(folder).run()
    with pytest.raises(TrainingRefused, match="loop was"):
        training(folder, settings=replace(SETTINGS, learning_rate=0.5)).run(resume=True)


def test_a_checkpoint_of_another_model_is_refused(whole, tmp_path):
    folder, _ = whole
    RunFolder(tmp_path).begin(json.loads((folder / "config.json").read_text()), resume=False)
    (tmp_path / "last.pt").write_bytes((folder / "last.pt").read_bytes())
    with pytest.raises(TrainingRefused, match="another model"):
        training(tmp_path, model=torch.nn.Sequential(torch.nn.Linear(8, 3))).run(resume=True)


def test_a_model_with_nothing_to_train_is_refused(tmp_path):
    with pytest.raises(TrainingRefused, match="frozen"):
        training(tmp_path, model=network().requires_grad_(False))


def test_a_half_written_line_of_metrics_is_passed_over(tmp_path):
    run = RunFolder(tmp_path)
    run.log({"step": 1, "loss": 0.5})
    with run.metrics.open("a") as lines:
        lines.write('{"step": 2, "lo')
    assert run.lines() == [{"step": 1, "loss": 0.5}]
    run.forget_after(0)
    assert run.lines() == []


def test_bfloat16_learns_in_its_own_bits_and_goes_on_to_the_same(whole, tmp_path):
    settings = replace(SETTINGS, precision="bfloat16")
    result = training(tmp_path / "run", settings=settings).run()
    losses = [line["loss"] for line in RunFolder(tmp_path / "run").lines() if "loss" in line]
    assert (result.steps, sum(losses[-5:]) < sum(losses[:5])) == (40, True)
    assert all(value.dtype is not torch.bfloat16 for value in weights(tmp_path / "run").values())
    assert not same_bits(weights(tmp_path / "run"), weights(whole[0]))

    def fails(number):
        if number == 33:
            raise KeyError(number)
        return batch_at(number)

    with pytest.raises(KeyError):
        training(tmp_path / "again", settings=settings, batch_at=fails).run()
    training(tmp_path / "again", settings=settings).run(resume=True)
    assert same_bits(weights(tmp_path / "again"), weights(tmp_path / "run"))


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"optimiser": "lion"}, {"precision": "int4"}, {"learning_rate": 0.0}, {"average": 1.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        LoopSettings(**({"steps": 1} | wrong))
