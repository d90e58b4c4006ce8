"""What is measured is what people get: the hits of evaluation, and of exact search, are those of HTTP."""

import io
import shutil
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.catalog import content_id
from lookalike.evaluation import Judgements
from lookalike.evaluation.pipeline import judged_library, run_exact, run_pipeline
from lookalike.types import Visibility
from pictures import jpeg_bytes, photo
from serving.conftest import Library

SEEDS = range(24)
FILE = "outside.png"
QUERIES: dict[str, dict[str, Any]] = {
    "3.jpg": {},
    "5.jpg": {},
    "3.jpg#xywh=percent:25,0,50,100": {"x": 0.25, "y": 0, "width": 0.5, "height": 1},
    "5.jpg#xywh=pixel:0,60,160,180": {"x": 0, "y": 60, "width": 160, "height": 180, "unit": "pixel"},
    FILE: {},
    f"{FILE}#xywh=pixel:80,60,160,120": {"x": 80, "y": 60, "width": 160, "height": 120, "unit": "pixel"},
}


def picture(seed):
    """The bytes of a JPEG."""
    return jpeg_bytes(photo(seed=seed))


def again(content, quality):
    """The same picture, saved once more."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(content)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.fixture(params=["vectors as they are", "centred vectors"])
def library(request, tmp_path, empty_catalog):
    """An empty one, which centres vectors or does not."""
    shutil.copy(empty_catalog, tmp_path)
    with Library(tmp_path, centre_from=10 if request.param == "centred vectors" else 0) as opened:
        yield opened


@pytest.fixture
def shop(library, tmp_path):
    """Pictures with near-duplicates and hidden ones, some in a snapshot and some that came later."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in SEEDS:
        (photos / f"{seed}.jpg").write_bytes(picture(seed))
    for seed in (3, 5, 7):
        (photos / f"{seed}-again.jpg").write_bytes(again(picture(seed), 60))
    library.indexer.index([photos])
    library.indexer.add_upload(again(picture(3), 70), name="late")
    library.indexer.add_upload(picture(40), name="late")
    for hidden, how in ((8, Visibility.PRIVATE), (9, Visibility.BLOCKED)):
        library.catalog.images.update(content_id(picture(hidden)), visibility=how)
    (tmp_path / FILE).write_bytes(again(picture(12), 40))
    return tmp_path


@pytest.mark.parametrize("name", QUERIES)
def test_evaluation_ranks_and_scores_as_http_answers(shop, client, library, name):
    """`shop` stands first: an engine that is open already takes up a new snapshot only some time after it appears."""
    folders = [shop, shop / "photos"]
    judged = judged_library(library.catalog, Judgements(grades={name: {"10.jpg": 1}}), folders=folders)
    assert list(judged.queries) == [name]
    query = judged.queries[name]
    hits = over_http(client, shop, name)
    found = library.engine.ranker.rank(query.as_query())
    exactly = library.engine.exact_ranker().rank(query.as_query())
    for ranking in (found, exactly):
        candidates = ranking.candidates
        behind = [list(candidates.duplicates.get(one, ())) for one in candidates.image_ids]
        assert list(candidates.image_ids) == [hit["image"]["id"] for hit in hits]
        assert behind == [hit["duplicates"] for hit in hits]
        assert candidates.cosines.tolist() == [hit["cosine"] for hit in hits]
    seen = [one for hit in hits for one in (hit["image"]["id"], *hit["duplicates"])]
    assert any(hit["duplicates"] for hit in hits)
    assert not {content_id(picture(hidden)) for hidden in (8, 9)} & set(seen)
    exact = library.engine.exact_ranker()
    assert found.live.view.centring.is_on == (library.centre_from > 0)
    runs = run_pipeline(library.engine.ranker, exact, judged.queries)
    for run in (runs.served, runs.exact, run_exact(exact, judged.queries)):
        assert list(run.rankings[name]) == seen
    assert np.isclose(exact.cosines(runs.vectors[name], seen)[0], hits[0]["cosine"], atol=1e-6)


def over_http(client, shop, name):
    """Every page of what HTTP answers to a judged query."""
    file, crop = name.partition("#")[0], QUERIES[name]
    if file == FILE:
        sides = ",".join(str(crop[side]) for side in ("x", "y", "width", "height")) if crop else ""
        response = client.search(
            (shop / file).read_bytes(), limit=10, crop=sides, crop_unit=crop.get("unit", "fraction")
        )
    else:
        image_id = content_id((shop / "photos" / file).read_bytes())
        asked = {"image_id": image_id, "limit": 10, "crop": crop or None}
        response = client.post("/v1/search", json=asked)
    answer = response.json()
    hits = answer["hits"]
    while answer["next_cursor"]:
        answer = client.post("/v1/search", json={"cursor": answer["next_cursor"]}).json()
        hits += answer["hits"]
    return hits
