import json
import sys

import numpy as np
import pytest
from pyarrow import parquet

from doubles import picture
from lookalike.catalog import content_id
from parts import write_pictures


def test_vectors_and_records_are_written_row_by_row(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(4)))
    out = tmp_path / "out"
    assert run.json("export", out)["images"] == 4
    vectors = np.load(out / "vectors.npy")
    records = [json.loads(line) for line in (out / "images.jsonl").read_text().splitlines()]
    about = json.loads((out / "export.json").read_text())
    assert vectors.shape == (4, about["dimension"]) == (len(records), about["dimension"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert {record["id"] for record in records} == {content_id(picture(seed)) for seed in range(4)}
    assert records[0]["source"].endswith(".png")
    assert "has something in it" in run("export", out, code=2).stderr


def test_hidden_images_are_left_out_unless_asked_for(run, tmp_path):
    photos = write_pictures(tmp_path / "photos", range(4))
    run("index", photos)
    run("block", "add", photos / "2.png")
    assert run.json("export", tmp_path / "public")["images"] == 3
    assert content_id(picture(2)) not in (tmp_path / "public" / "images.jsonl").read_text()
    assert run.json("export", tmp_path / "all", "--hidden")["images"] == 4
    run("import", tmp_path / "all", "--library", tmp_path / "other")
    assert len(run.json("search", photos / "1.png", "--library", tmp_path / "other")["hits"]) == 3


def test_parquet_says_what_it_needs(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    run("index", write_pictures(tmp_path / "photos", range(2)))
    refused = run("export", tmp_path / "out", "--table", "parquet", code=3)
    assert "lookalike[parquet]" in refused.stderr


def test_parquet_has_the_same_records(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(3)))
    run("export", tmp_path / "lines")
    run("export", tmp_path / "parquet", "--table", "parquet")
    lines = [json.loads(line) for line in (tmp_path / "lines" / "images.jsonl").read_text().splitlines()]
    assert parquet.read_table(tmp_path / "parquet" / "images.parquet").to_pylist() == lines


@pytest.mark.parametrize("table", ["jsonl", "parquet"])
def test_what_was_exported_is_imported_without_running_the_model_again(run, tmp_path, table):
    run("index", write_pictures(tmp_path / "photos", range(5)))
    out, other = tmp_path / "out", tmp_path / "other"
    run("export", out, "--table", table)
    (tmp_path / "photos" / "4.png").unlink()
    done = run.json("import", out, "--library", other)
    assert (done["added"], done["known"], done["checked"]) == (4, 0, 4)
    assert [one["path"].endswith("4.png") for one in done["refused"]] == [True]
    here = run.json("search", tmp_path / "photos" / "1.png")["hits"]
    there = run.json("search", tmp_path / "photos" / "1.png", "--library", other)["hits"]
    gone = content_id(picture(4))
    assert [hit["id"] for hit in there] == [hit["id"] for hit in here if hit["id"] != gone]
    assert run.json("import", out, "--library", other)["known"] == 4


def test_vectors_of_something_else_are_refused(run, tmp_path):
    run("index", write_pictures(tmp_path / "photos", range(3)))
    out = tmp_path / "out"
    run("export", out)
    np.save(out / "vectors.npy", np.load(out / "vectors.npy")[::-1])
    assert "is not what" in run("import", out, "--library", tmp_path / "other", code=2).stderr
    (out / "export.json").write_text('{"fingerprint": "another"}')
    assert "of another model" in run("import", out, "--library", tmp_path / "other", code=2).stderr
