import errno
import json

import pytest

from embedding.model_folder import leftovers, status_of
from lookalike.embedding import (
    open_encoder,
    pull,
    registry,
)
from lookalike.embedding.storage import bytes_on_disk, model_lock, new_folder
from lookalike.errors import ModelMissing, StorageFailed


def test_a_flipped_byte_in_the_graph_is_found_on_opening(tiny):
    graph = tiny / "tiny" / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(ModelMissing, match=r"model\.onnx: damaged.*lookalike models remove tiny"):
        open_encoder("tiny", models=tiny)


@pytest.mark.parametrize("damage", ["cut", "gone", "no record", "record of lies"])
def test_an_incomplete_folder_counts_as_not_pulled(shipped, models, damage):
    folder = pull("shipped", models=models).path
    if damage == "cut":
        (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1])
    elif damage == "gone":
        (folder / "model.onnx").unlink()
    elif damage == "no record":
        (folder / "record.json").unlink()
    else:
        record = json.loads((folder / "record.json").read_text())
        (folder / "record.json").write_text(json.dumps(record | {"graph_file": "../../outside.onnx"}))
    assert not status_of("shipped", models).pulled
    with pytest.raises(ModelMissing):
        open_encoder("shipped", models=models)
    assert pull("shipped", models=models).pulled


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_fails_is_said_and_nothing_half_is_kept(shipped, models, monkeypatch, number):
    def fail(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(registry, "write_record", fail)
    with pytest.raises(StorageFailed, match="nothing half-written was kept"):
        pull("shipped", models=models)
    assert not (models / "shipped").exists()
    assert not leftovers(models)


def test_what_a_killed_pull_left_is_cleared_by_the_next(shipped, models):
    for name in (".unfinished+shipped+abc", ".unfinished+other+abc"):
        (models / name).mkdir(parents=True)
        (models / name / "model.onnx").write_bytes(b"half")
    pull("shipped", models=models)
    assert leftovers(models) == [".unfinished+other+abc"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_a_folder_that_was_not_finished_leaves_the_old_one(tmp_path, fault):
    with model_lock(tmp_path, "tiny"), new_folder(tmp_path, "tiny") as folder:
        (folder / "model.onnx").write_bytes(b"old")

    def interrupted():
        with new_folder(tmp_path, "tiny") as folder:
            (folder / "model.onnx").write_bytes(b"new")
            raise fault

    with pytest.raises(fault):
        interrupted()
    assert (tmp_path / "tiny" / "model.onnx").read_bytes() == b"old"
    assert not leftovers(tmp_path)


def test_a_finished_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    for files in (("model.onnx", "projection.npz"), ("model.onnx",)):
        with new_folder(tmp_path, "tiny") as folder:
            for name in files:
                (folder / name).write_bytes(b"12345")
    assert [file.name for file in (tmp_path / "tiny").iterdir()] == ["model.onnx"]
    assert bytes_on_disk(tmp_path / "tiny") == 5
    assert bytes_on_disk(tmp_path / "none") == 0
