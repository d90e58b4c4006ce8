from doubles import picture
from lookalike.retrieval import Facets, Filters
from lookalike.types import Visibility


def test_facets_count_the_hits_that_may_be_shown(parts):
    ids = [parts.upload(seed, tags=("red", "old") if seed < 2 else ("red",), owner_id="ann") for seed in range(4)]
    parts.upload(9, size=(48, 64))
    parts.catalog.images.update(ids[3], visibility=Visibility.PRIVATE)
    parts.catalog.collections.add("some", [ids[0], ids[3]])
    assert parts.find(picture(1), facets=True).facets == Facets(
        hits=4,
        tags={"red": 3, "old": 2},
        owners={"ann": 3},
        orientations={"landscape": 3, "portrait": 1},
        collections={"some": 1},
    )
    filtered = parts.find(picture(1), facets=True, filters=Filters(all_tags=("old",)), limit=1)
    assert filtered.facets.hits == filtered.facets.tags["red"] == 2  # of all that were ranked, not of the page
    assert parts.find(picture(1)).facets is None
