"""Searches whose hits are verified by keypoints."""

from pathlib import Path

import numpy as np
import pytest

from keypoints.scenes import pasted, scene
from lookalike.distributed import ThreadRunner
from lookalike.indexing import KeypointRun
from lookalike.preprocessing import Limits
from lookalike.progress import Silent
from lookalike.types import Box
from pictures import png_bytes

THING = scene(1, size=(300, 200))


@pytest.fixture
def shelf(parts):
    """A library of ten scenes, of which one has the thing in it; ids by seed."""
    pictures = {seed: scene(seed, size=(600, 400)) for seed in range(10, 20)}
    pictures[15] = pasted(THING, pictures[15], at=(200, 150), size=(270, 180))
    parts.ids = {seed: add(parts, picture) for seed, picture in pictures.items()}
    return parts


def add(parts, picture):
    return parts.indexer.add_upload(png_bytes(picture), name="x")[0].id


def extract(parts):
    run = KeypointRun(catalog=parts.catalog, limits=Limits(), runner=ThreadRunner(2), progress=Silent())
    run.fill()
    return run.report


def test_what_shows_the_very_same_thing_is_first_and_says_where(shelf):
    assert extract(shelf).made == 10
    hit = shelf.find(png_bytes(THING), verify=True).hits[0]
    assert hit.image.id == shelf.ids[15]
    assert hit.same_thing.inliers >= 10
    left, top = map(min, zip(*hit.same_thing.outline, strict=True))
    assert (left, top) == pytest.approx((200 / 600, 150 / 400), abs=0.03)


def test_only_searches_that_ask_for_it_are_verified(shelf):
    extract(shelf)
    assert [hit.same_thing for hit in shelf.find(png_bytes(THING)).hits] == [None] * 10


def test_a_crop_is_verified_by_its_own_keypoints(shelf):
    extract(shelf)
    around = pasted(THING, scene(99, size=(600, 400)), at=(0, 0), size=(300, 200))
    crop = Box(0, 0, 0.5, 0.5)
    assert shelf.find(png_bytes(around), crop=crop, verify=True).hits[0].image.id == shelf.ids[15]


def test_an_indexed_image_finds_what_shows_a_part_of_it(shelf):
    thing = add(shelf, THING)
    extract(shelf)
    found = shelf.find(image_id=thing, verify=True)
    assert found.hits[0].image.id == shelf.ids[15]


def test_later_pages_know_what_was_verified(shelf):
    extract(shelf)
    answer = shelf.find(png_bytes(THING), verify=True, limit=2)
    again = shelf.engine.page(answer.query_id, offset=0, limit=2)
    assert [hit.image.id for hit in again.hits] == [hit.image.id for hit in answer.hits]
    assert again.hits[0].same_thing.inliers == answer.hits[0].same_thing.inliers
    outline = np.array(answer.hits[0].same_thing.outline)
    assert np.array(again.hits[0].same_thing.outline) == pytest.approx(outline, abs=1e-6)


def test_a_hidden_image_is_not_verified_into_view(shelf):
    extract(shelf)
    shelf.catalog.images.delete(shelf.ids[15])
    assert shelf.ids[15] not in [hit.image.id for hit in shelf.find(png_bytes(THING), verify=True).hits]


def test_a_library_without_keypoints_says_what_to_run(shelf):
    answer = shelf.find(png_bytes(THING), verify=True)
    assert answer.notes == ("all nearest images could not be verified: run `lookalike keypoints` once",)


def test_uploads_get_keypoints_once_others_have_some(shelf):
    assert not shelf.catalog.keypoints.are_kept()
    extract(shelf)
    new = add(shelf, scene(50))
    assert shelf.catalog.keypoints.among(1, [new]) == {new}


def test_an_index_run_keeps_keypoints_complete(shelf, tmp_path):
    extract(shelf)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(png_bytes(scene(60)))
    shelf.indexer.index([Path(tmp_path / "photos")])
    assert extract(shelf).made == 0


def test_a_run_goes_on_where_it_stopped_and_names_what_it_cannot_read(parts, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in (1, 2):
        (photos / f"{seed}.png").write_bytes(png_bytes(scene(seed)))
    parts.indexer.index([photos])
    (photos / "2.png").unlink()
    report = extract(parts)
    assert (report.made, [refusal.path for refusal in report.refused]) == (1, [str(photos / "2.png")])
    assert extract(parts).made == 0
