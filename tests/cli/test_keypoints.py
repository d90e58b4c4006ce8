import json

import pytest
from PIL import Image

from keypoints.scenes import pasted, scene


@pytest.fixture
def shelf(tmp_path):
    """A folder of scenes, one of which has `thing.png` in it; and that file, elsewhere."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    thing = scene(1, size=(300, 200))
    thing.save(tmp_path / "thing.png")
    for seed in range(10, 15):
        scene(seed, size=(600, 400)).save(folder / f"{seed}.png")
    pasted(thing, scene(15, size=(600, 400)), at=(200, 150), size=(270, 180)).save(folder / "with.png")
    return folder


def test_keypoints_then_a_verified_search(run, shelf, tmp_path):
    run("index", shelf)
    assert run.json("keypoints")["made"] == 6
    assert run.json("keypoints")["made"] == 0
    hits = run.json("search", tmp_path / "thing.png", "--verify")["hits"]
    assert hits[0]["source"] == str(shelf / "with.png")
    assert hits[0]["same_thing"]["inliers"] >= 10
    assert len(hits[0]["same_thing"]["outline"]) >= 4
    assert {json.dumps(hit["same_thing"]) for hit in hits[1:]} == {"null"}
    assert "The same thing" in run("search", tmp_path / "thing.png", "--verify").stdout


def test_keypoints_can_be_removed(run, shelf):
    run("index", shelf)
    run("keypoints")
    assert run.json("keypoints", "--remove")["removed"] == 6
    assert "run `lookalike keypoints` once" in run("search", shelf / "10.png", "--verify").stdout


def test_what_cannot_be_read_is_named(run, shelf):
    run("index", shelf)
    with Image.open(shelf / "10.png") as changed:
        changed.rotate(90).save(shelf / "10.png")
    told = run("keypoints").stdout
    assert "5 images got keypoints" in told
    assert "10.png" in told
