import shutil

import pytest

from duplicates.altered import DETAILED, SIMPLE
from keypoints.scenes import scene


@pytest.fixture
def copies(tmp_path):
    """A folder of four scenes, and copies of two of them."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for seed in range(4):
        scene(seed, size=(480, 360)).save(folder / f"{seed}.png")
    SIMPLE["half the size"](scene(0, size=(480, 360))).save(folder / "small.png")
    SIMPLE["turned"](scene(0, size=(480, 360))).save(folder / "turned.png")
    DETAILED["cut"](scene(1, size=(480, 360))).save(folder / "cut.png")
    shutil.copy(folder / "3.png", folder / "3 again.png")
    return folder


def names(group):
    return [one["source"].rpartition("/")[2] for one in (group["keep"], *group["copies"])]


def test_copies_are_grouped_under_the_largest_with_the_reason(run, copies):
    run("index", copies)
    run("keypoints")
    found = run.json("duplicates")
    assert (found["compared"], found["changed"], found["notes"]) == (7, 0, [])
    assert sorted(sorted(names(group)) for group in found["groups"]) == [
        ["0.png", "small.png", "turned.png"],
        ["1.png", "cut.png"],
    ]
    by_name = {one["source"].rpartition("/")[2]: one for group in found["groups"] for one in group["copies"]}
    assert by_name["small.png"]["sure"] == "certain"
    assert by_name["cut.png"]["reason"] == "same-details"
    assert [len(one["sources"]) for one in found["same_bytes"]] == [2]
    assert "Nothing was changed" in run("duplicates").stdout


def test_without_keypoints_simple_copies_are_found_and_it_says_what_to_run(run, copies):
    run("index", copies)
    found = run.json("duplicates")
    assert [sorted(names(group)) for group in found["groups"]] == [["0.png", "small.png", "turned.png"]]
    assert "lookalike keypoints" in found["notes"][0]


def test_copies_are_hidden_only_when_asked(run, copies):
    run("index", copies)
    assert run.json("duplicates", "--hide")["changed"] == 2
    assert run.json("stats")["counts"]["private"] == 2
    assert [one["details"] for one in run.json("audit")] == ["a copy; made private"] * 2
    assert run.json("duplicates")["groups"] == []


def test_deleting_takes_out_of_the_library_and_touches_no_file(run, copies):
    run("index", copies)
    before = {path.name: path.read_bytes() for path in copies.iterdir()}
    assert run.json("duplicates", "--delete", "--keep", "oldest")["changed"] == 2
    assert run.json("stats")["counts"]["live"] == 5
    assert {path.name: path.read_bytes() for path in copies.iterdir()} == before
    assert run.json("index", copies)["added"] == 0


def test_only_surer_copies_on_request(run, copies):
    run("index", copies)
    run("keypoints")
    assert len(run.json("duplicates", "--sure", "certain")["groups"]) == 1


def test_hiding_and_deleting_at_once_is_refused(run, copies):
    run("index", copies)
    assert "choose one" in run("duplicates", "--hide", "--delete", code=2).stderr
