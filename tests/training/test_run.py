import pytest

from lookalike.errors import StorageFailed, TrainingRefused
from lookalike.training.run import RunFolder


def test_a_run_goes_on_only_with_the_settings_it_began_with(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin({"steps": 10, "rate": 0.1, "mean": (1, 2)}, resume=False)
    folder.begin({"mean": [1, 2], "rate": 0.1, "steps": 10}, resume=True)
    with pytest.raises(TrainingRefused, match="there is a run in this folder"):
        folder.begin({"steps": 10, "rate": 0.1, "mean": (1, 2)}, resume=False)
    with pytest.raises(TrainingRefused, match=r"rate was 0.1, now 0.2, steps was 10, now None"):
        folder.begin({"rate": 0.2, "mean": (1, 2)}, resume=True)


def test_metrics_after_the_step_to_go_on_from_are_dropped(tmp_path):
    told = []
    folder = RunFolder(tmp_path, tell=told.append)
    assert folder.lines() == []
    for step in (1, 2, 3):
        folder.log({"step": step, "loss": 1 / step})
    with folder.metrics.open("a") as file:
        file.write('{"step": 4, "lo')  # a kill
    assert folder.lines() == told
    folder.forget_after(2)
    assert [line["step"] for line in folder.lines()] == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file"):
        RunFolder(tmp_path / "file" / "run").begin({}, resume=False)
    with pytest.raises(StorageFailed, match=r"metrics\.jsonl"):
        RunFolder(tmp_path / "gone").log({"step": 1})
