"""Under filters, what is found is what exact search finds among the images that meet them."""

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles import ColourGridEncoder, picture
from lookalike.catalog import Catalog, ImageAddition, LiveModel, SourceFile
from lookalike.columns import image_row
from lookalike.errors import CallerError
from lookalike.indexing import Publisher
from lookalike.neighbors import backends
from lookalike.retrieval import Filters, Orientation, Query, View
from lookalike.retrieval.filtering import FilteredViews
from lookalike.retrieval.live import Live
from lookalike.snapshot import Closeness
from lookalike.types import Visibility
from parts import Parts
from unit_vectors import clustered

MODEL = LiveModel(name="synthetic", fingerprint="7" * 64, dimension=64)
SIZE, TAIL, K = 3_000, 300, 10
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TAGS, OWNERS, SIDES = ("red", "blue", "sale", "old"), (None, "ann", "bob"), (100, 200, 300)


def addition(number, vector):
    """Everything about an image follows from its number."""
    rng = np.random.default_rng(number)
    return ImageAddition(
        content_id=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        width=int(rng.choice(SIDES)),
        height=int(rng.choice(SIDES)),
        mean_colour="#000000",
        columns=image_row(colour_signature=np.full(96, rng.choice([60, 128, 200]), np.uint8)),
        media_type="image/png",
        byte_count=1,
        source=SourceFile(path=f"/pictures/{number}.png", byte_count=1, modified_ns=1),
        fingerprint=MODEL.fingerprint,
        vector=vector,
        owner_id=OWNERS[rng.integers(3)],
        tags=tuple(tag for tag in TAGS if rng.random() < 0.3),
        visibility=Visibility.PUBLIC if rng.random() < 0.9 else Visibility.PRIVATE,
        uploaded_at=NOON + timedelta(hours=int(rng.integers(100))),
    )


def meets(image, filters):
    """One image and the conditions, one by one: what the columns of `FactsTable` are compared with."""
    tags = set(image.tags)
    return all(
        (
            filters.owner in {None, image.owner_id},
            not filters.any_tags or tags & set(filters.any_tags),
            tags >= set(filters.all_tags),
            not tags & set(filters.no_tags),
            filters.uploaded_from is None or image.uploaded_at >= filters.uploaded_from,
            filters.uploaded_to is None or image.uploaded_at < filters.uploaded_to,
            (filters.min_width or 0) <= image.width <= (filters.max_width or image.width),
            (filters.min_height or 0) <= image.height <= (filters.max_height or image.height),
            filters.orientation in {None, Orientation.of(image.width, image.height)},
        )
    )


some_tags = st.lists(st.sampled_from((*TAGS, "unknown")), max_size=2, unique=True).map(tuple)
some_sides = st.sampled_from((None, None, 150, 250))


@st.composite
def conditions(draw):
    begins = draw(st.sampled_from((None, None, 20, 60)))
    return Filters(
        owner=draw(st.sampled_from((None, "ann", "bob", "unknown"))),
        any_tags=draw(some_tags),
        all_tags=draw(some_tags),
        no_tags=draw(some_tags),
        uploaded_from=None if begins is None else NOON + timedelta(hours=begins),
        uploaded_to=draw(st.sampled_from((None, NOON + timedelta(hours=80)))),
        min_width=draw(some_sides),
        max_height=draw(some_sides),
        orientation=draw(st.sampled_from((None, None, *Orientation))),
    )


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """A live index of many images, some of them in the tail, and what is known of each."""
    folder = tmp_path_factory.mktemp("filtered")
    vectors = clustered(SIZE + TAIL, MODEL.dimension, clusters=60, rank=24, seed=6)
    vectors = vectors.astype(np.float16).astype(np.float32)  # as the catalog keeps them
    additions = [addition(number, vectors[number]) for number in range(SIZE + TAIL)]
    with Catalog.open(f"sqlite:///{folder / 'catalog.sqlite'}", originals=folder / "originals") as catalog:
        publisher = Publisher(catalog, snapshots=folder / "snapshots")
        catalog.images.add(additions[:SIZE])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backends, "_EXACT_NUMBERS", 0)  # as in a library of many more images
            snapshot = publisher.publish(MODEL)
        catalog.images.add(additions[SIZE:])
        view = View.of(snapshot, fingerprint=MODEL.fingerprint, dimension=MODEL.dimension).following(catalog)
        assert view is not None
        live = Live(
            model=MODEL,
            encoder=ColourGridEncoder(),
            view=view,
            closeness=Closeness.reference(ColourGridEncoder.reference_cosines),
            notes=(),
        )
        yield live, FilteredViews(catalog), [one for one in additions if one.visibility is Visibility.PUBLIC]
        publisher.wait()


def test_hits_under_filters_are_those_of_exact_search_among_the_images_that_meet_them(indexed):
    live, filtered, public = indexed
    assert live.view.snapshot.manifest.backend != "exact"
    found = []

    @given(conditions(), st.integers(0, 10_000))
    @settings(max_examples=80, deadline=None, derandomize=True)
    def compare(filters, seed):
        view = filtered.narrowed(live, filters).view
        meeting = [one for one in public if meets(one, filters)]
        assert view.size == len(meeting)
        query = view.searched(clustered(1, MODEL.dimension, clusters=1, rank=24, seed=seed)[0].astype(np.float32))
        hits = view.nearest(query, K).image_ids
        assert len(hits) == min(K, len(meeting))
        assert set(hits) <= {one.content_id for one in meeting}
        vectors = np.array([one.vector for one in meeting], np.float32).reshape(len(meeting), MODEL.dimension)
        regions = np.zeros(len(meeting), np.int16)
        order = np.argsort(-(view.centring.rows(vectors, regions) @ query))[:K]
        found.extend(meeting[place].content_id in hits for place in order)

    compare()
    assert len(found) > 200
    assert np.mean(found) >= 0.99


def test_colours_are_those_of_the_signatures(indexed):
    live, filtered, public = indexed
    grey = filtered.narrowed(live, Filters(colour="#808080", colour_distance=10)).view  # Y, Cb and Cr are 128
    expected = {one.content_id for one in public if one.columns["colour_signature"][0] == 128}
    assert set(grey.nearest(np.ones(MODEL.dimension, np.float32) / 8, SIZE).image_ids) == expected


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(("tag", "hide", "show", "delete", "add", "collect", "publish")), st.integers(0, 11)),
        max_size=8,
    )
)
def test_what_changes_is_followed(tmp_path_factory, steps):
    numbers = itertools.count(100)
    with Parts(tmp_path_factory.mktemp("followed")) as parts:
        ids = [parts.upload(seed, tags=("red",) if seed % 2 else (), owner_id="ann") for seed in range(12)]
        parts.catalog.collections.add("some", ids[:3])
        for what, place in steps:
            parts.find(picture(1), filters=Filters(all_tags=("red",)))  # what is kept of it must not be believed
            live = [image.id for image in parts.catalog.images.browse(visibility=None, limit=100).images]
            chosen = live[place % len(live)]
            if what == "tag":
                parts.catalog.images.update(chosen, tags=("red", "new") if place % 2 else ())
            elif what in {"hide", "show"}:
                parts.catalog.images.update(
                    chosen, visibility=Visibility.PRIVATE if what == "hide" else Visibility.PUBLIC
                )
            elif what == "delete":
                parts.catalog.images.delete(chosen)
            elif what == "add":
                parts.upload(next(numbers), tags=("red",))
            elif what == "collect":
                parts.catalog.collections.change("some", add=[chosen], remove=live[:1])
            else:
                parts.publisher.publish(parts.catalog.models.live())
        public = parts.catalog.images.browse(limit=100).images
        for filters in (Filters(all_tags=("red",)), Filters(no_tags=("red",)), Filters(owner="ann")):
            found = parts.find_ids(picture(1), filters=filters, limit=100)
            assert set(found) == {image.id for image in public if meets(image, filters)}
        members = set(parts.catalog.collections.members("some"))
        found = parts.find_ids(picture(1), filters=Filters(collection="some"), limit=100)
        assert set(found) == {image.id for image in public} & members


def test_later_pages_keep_the_filter(tmp_path):
    with Parts(tmp_path / "library") as parts:
        ids = {seed: parts.upload(seed, tags=("red",) if seed % 3 == 0 else ("blue",)) for seed in range(30)}
        engine = parts.engine = parts.new_engine(depth=4)
        first = parts.find(picture(1), filters=Filters(all_tags=("red",)), limit=3)
        assert first.images == first.reachable == 10
        later = engine.page(first.query_id, offset=3, limit=20)
        hits = [hit.image.id for hit in (*first.hits, *later.hits)]
        assert set(hits) == {image_id for seed, image_id in ids.items() if seed % 3 == 0}
        assert later.complete


def test_a_query_that_does_not_meet_its_own_filter_is_answered_all_the_same(parts):
    asked, other = parts.upload(1, tags=("blue",)), parts.upload(2, tags=("red",))
    assert parts.find_ids(image_id=asked, filters=Filters(all_tags=("red",))) == [other]


def test_exact_search_takes_the_same_filters(parts):
    for seed in range(8):
        parts.upload(seed, tags=("red",) if seed % 2 else ())
    query = replace(Query.picture(picture(1)), filters=Filters(all_tags=("red",)))
    by_index = parts.engine.ranker.rank(query).candidates.image_ids
    assert by_index == parts.engine.exact_ranker().rank(query).candidates.image_ids
    assert len(by_index) == 4


def test_an_unknown_collection_is_refused(parts):
    parts.upload(1)
    with pytest.raises(CallerError, match="'none-such': there is none of this name"):
        parts.find(picture(1), filters=Filters(collection="none-such"))
