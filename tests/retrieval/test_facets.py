from doubles import picture
from lookalike.retrieval import Facets, Filters, Picture, Query
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


def test_what_facets_count_is_frozen(parts):
    for seed in range(30):
        parts.upload(seed)
    engine = parts.new_engine(depth=5)
    subject = Picture(content=picture(1), name="query")
    without, with_facets = (engine.search(Query(subject=subject, limit=3, facets=facets)) for facets in (False, True))
    assert (without.total, with_facets.total, with_facets.facets.hits) == (5, 30, 30)
    engine.close()
