import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles import ColourGridEncoder, picture
from lookalike.errors import CropRefused, CursorRefused, ImageRefused, LibraryMissing, UnknownImage
from lookalike.retrieval import Query
from lookalike.retrieval.view import View
from lookalike.types import Box, Visibility
from parts import Parts, write_pictures


@pytest.fixture
def library(parts, tmp_path):
    parts.indexer.index([write_pictures(tmp_path / "photos", range(40))])
    return parts


def as_tuples(answer):
    return [(hit.rank, hit.image.id, hit.cosine, hit.closeness, hit.duplicates) for hit in answer.hits]


def test_a_picture_finds_itself_first(library):
    answer = library.find(picture(7))
    assert answer.hits[0].cosine == pytest.approx(1.0, abs=1e-6)
    assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
    cosines = [hit.cosine for hit in answer.hits]
    assert cosines == sorted(cosines, reverse=True)


def test_the_ranking_is_that_of_plain_numpy(library):
    fingerprint = library.indexer.model.fingerprint
    ids = sorted(image.id for image in library.catalog.images.browse(limit=100).images)
    stored = library.catalog.vectors.get(fingerprint, ids)
    query = stored[ids[3]].astype(np.float64)
    vectors = np.stack([stored[i] for i in ids]).astype(np.float64)
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    expected = [ids[place] for place in np.argsort(-cosines) if ids[place] != ids[3]]
    engine = library.new_engine(rerankers=())
    found = [hit.image.id for hit in engine.search(Query.image(ids[3], limit=100)).hits if hit.image.id != ids[3]]
    engine.close()
    assert found == expected


def test_equal_cosines_are_in_the_order_of_ids(library, tmp_path):
    copies = write_pictures(tmp_path / "copies", range(0, 40, 3), image_format="WEBP", lossless=True)
    more = write_pictures(tmp_path / "more", range(0, 40, 6), image_format="BMP")
    library.indexer.index([tmp_path / "photos", copies, more])
    engine = library.new_engine(rerankers=())
    hits = engine.search(Query.picture(picture(7), limit=100)).hits
    engine.close()
    assert len({hit.cosine for hit in hits}) == 40 < len(hits)
    assert list(hits) == sorted(hits, key=lambda hit: (-hit.cosine, hit.image.id))


def test_an_indexed_image_is_not_its_own_hit_unless_cropped_or_asked_for(library):
    image = library.catalog.images.browse(limit=1).images[0]
    assert image.id not in library.find_ids(image_id=image.id, limit=100)
    assert library.find_ids(image_id=image.id, include_self=True)[0] == image.id
    crop = Box(x=0.1, y=0.1, width=0.8, height=0.8)
    assert image.id in library.find_ids(image_id=image.id, crop=crop, limit=100)


def test_a_crop_is_embedded_not_the_whole(library):
    whole = library.find(picture(7))
    part = library.find(picture(7), crop=Box(x=0.5, y=0.5, width=0.5, height=0.5))
    assert (part.width, part.height) == (64, 48)
    assert part.hits[0].cosine < whole.hits[0].cosine


def test_near_duplicates_take_one_place(library):
    copy = library.upload(7, image_format="JPEG", quality=90)
    answer = library.find(picture(7))
    assert copy in answer.hits[0].duplicates
    assert copy not in [hit.image.id for hit in answer.hits]


@pytest.mark.parametrize("change", ["private", "blocked", "deleted"])
def test_what_is_hidden_vanishes_at_once_from_snapshot_tail_and_later_pages(library, change):
    in_tail = library.upload(100)
    first = library.find(picture(7), limit=5)
    assert in_tail in library.find_ids(picture(7), limit=100)
    in_snapshot = library.engine.page(first.query_id, offset=5, limit=3).hits[1].image.id
    for image_id in (in_tail, in_snapshot):
        if change == "deleted":
            library.catalog.images.delete(image_id)
        else:
            library.catalog.images.update(image_id, visibility=Visibility(change))
    assert not {in_tail, in_snapshot} & set(library.find_ids(picture(7), limit=100))
    later = library.engine.page(first.query_id, offset=5, limit=100)
    assert not {in_tail, in_snapshot} & {hit.image.id for hit in later.hits}
    with pytest.raises(UnknownImage):
        library.find(image_id=in_snapshot)


def test_a_hidden_duplicate_is_not_reported_behind_its_representative(library):
    copy = library.upload(7, image_format="JPEG", quality=90)
    first = library.find(picture(7))
    library.catalog.images.update(copy, visibility=Visibility.BLOCKED)
    assert library.find(picture(7)).hits[0].duplicates == ()
    assert library.engine.page(first.query_id, offset=0, limit=1).hits[0].duplicates == ()


def test_what_becomes_public_again_is_found_again(library):
    image_id = library.find_ids(picture(7))[0]
    library.catalog.images.update(image_id, visibility=Visibility.PRIVATE)
    library.find(picture(7))
    library.catalog.images.update(image_id, visibility=Visibility.PUBLIC)
    assert library.find_ids(picture(7))[0] == image_id


def test_pages_continue_the_frozen_ranking(library):
    first = library.find(picture(7), limit=10)
    library.upload(7, noise=3)  # would have been near the top
    pages = [library.engine.page(first.query_id, offset=offset, limit=10) for offset in (0, 10, 20, 30)]
    assert as_tuples(pages[0]) == as_tuples(first)
    together = [hit for page in pages for hit in page.hits]
    assert [hit.rank for hit in together] == list(range(1, first.total + 1))
    assert len({hit.image.id for hit in together}) == first.total


def test_pages_outlive_the_process(library):
    first = library.find(picture(7), limit=10)
    library.engine.flush()
    engine = library.new_engine()
    assert [hit.rank for hit in engine.page(first.query_id, offset=10, limit=5).hits] == [11, 12, 13, 14, 15]
    engine.close()


def all_pages(engine, first, *, limit):
    pages = [engine.page(first.query_id, offset=0, limit=limit)]
    while not (pages[-1].complete and limit * len(pages) >= pages[-1].total):
        pages.append(engine.page(first.query_id, offset=limit * len(pages), limit=limit))
    return pages


def test_every_image_can_be_reached_by_paging_beyond_what_was_ranked_first(library):
    engine = library.new_engine(depth=10)
    first = engine.search(Query.picture(picture(7), limit=5))
    assert (first.total, first.complete, first.images) == (10, False, 40)
    pages = all_pages(engine, first, limit=5)
    hits = [hit for page in pages for hit in page.hits]
    assert [hit.rank for hit in hits] == list(range(1, 41))
    assert [hit.image.id for hit in hits] == library.find_ids(picture(7), limit=40)
    assert (pages[-1].total, pages[-1].complete) == (40, True)
    assert as_tuples(engine.page(first.query_id, offset=0, limit=40)) == [
        hit for page in pages for hit in as_tuples(page)
    ]
    engine.close()


def test_what_was_ranked_later_is_remembered_and_stays_in_place(library):
    engine = library.new_engine(depth=10)
    first = engine.search(Query.picture(picture(7), limit=5))
    before = [as_tuples(page) for page in all_pages(engine, first, limit=15)]
    engine.close()
    for noise in (3, 4):
        library.upload(7, noise=noise)  # would have been near the top
    other = library.new_engine(depth=10)
    assert [as_tuples(page) for page in all_pages(other, first, limit=15)] == before
    other.close()


def test_what_came_since_the_first_page_is_behind_it(library):
    engine = library.new_engine(depth=10)
    first = engine.search(Query.picture(picture(7), limit=5))
    frozen = as_tuples(engine.page(first.query_id, offset=0, limit=10))
    new = library.upload(100)
    pages = all_pages(engine, first, limit=10)
    assert as_tuples(pages[0]) == frozen
    ids = [hit.image.id for page in pages for hit in page.hits]
    assert len(ids) == len(set(ids)) == 41
    assert new in ids[10:]
    engine.close()


def test_near_duplicates_do_not_use_up_the_depth(library):
    behind = {library.upload(7, noise=1, size=(64 + n, 48 + n)) for n in range(1, 31)}
    engine = library.new_engine(depth=10)
    answer = engine.search(Query.picture(picture(7), limit=50))
    assert behind == set(answer.hits[0].duplicates)
    assert (len(answer.hits), answer.total, answer.complete) == (40, 40, True)
    by_id = engine.search(Query.image(answer.hits[0].image.id, limit=10))
    assert len({hit.image.id for hit in by_id.hits} - behind) >= 9
    engine.close()


def test_in_a_library_of_many_copies_one_look_is_enough(library, tmp_path, monkeypatch):
    depths = []
    looked = View.nearest

    def nearest(view, query, k):
        depths.append(k)
        return looked(view, query, k)

    monkeypatch.setattr(View, "nearest", nearest)
    engine = library.new_engine(depth=16)
    before = engine.search(Query.picture(picture(7), limit=16))
    engine.close()
    copies = write_pictures(tmp_path / "copies", range(40), image_format="WEBP", lossless=True)
    library.indexer.index([tmp_path / "photos", copies])
    engine = library.new_engine(depth=16)
    answer = engine.search(Query.picture(picture(7), limit=16))
    engine.close()
    kept = library.catalog.queries.get(answer.query_id)
    assert len(kept.ranked_ids) == answer.total == 16
    assert set(kept.duplicates) == set(kept.ranked_ids)
    assert depths == [18, 36]  # the second library has two of each image
    assert [hit.cosine for hit in answer.hits] == [hit.cosine for hit in before.hits]
    assert [len(hit.duplicates) for hit in answer.hits] == [1] * 16


def test_what_can_be_looked_at_has_an_end_that_is_said(library, monkeypatch):
    monkeypatch.setattr("lookalike.retrieval.ranking.MOST_NEIGHBORS", 20)
    monkeypatch.setattr("lookalike.retrieval.engine.MOST_NEIGHBORS", 20)
    engine = library.new_engine(depth=5)
    first = engine.search(Query.picture(picture(7), limit=5))
    assert [len(page.hits) for page in all_pages(engine, first, limit=15)] == [15, 5]
    last = engine.page(first.query_id, offset=20, limit=15)
    assert (last.hits, last.total, last.complete, last.images, last.reachable) == ((), 20, True, 40, 20)
    engine.close()


def test_an_unknown_query_cannot_be_paged(library):
    with pytest.raises(CursorRefused, match="search again"):
        library.engine.page("nothing", offset=0, limit=10)


def test_the_same_query_to_the_same_generation_has_the_same_answer_from_many_threads(library):
    alone = library.find(picture(7), limit=50)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: library.find(picture(7), limit=50), range(40)))
    assert {answer.generation for answer in answers} == {alone.generation}
    assert all(as_tuples(answer) == as_tuples(alone) for answer in answers)


def test_a_change_makes_a_new_generation(library):
    before = library.find(picture(7)).generation
    library.upload(100)
    assert library.find(picture(7)).generation != before


def test_a_new_snapshot_is_switched_to_and_answers_the_same(library):
    library.upload(100)
    before = library.find(picture(7), limit=100)
    library.publisher.publish(library.indexer.model)
    after = switched(library, before.generation, limit=100)
    assert library.engine.ready().tail == 0
    assert [(hit.image.id, hit.cosine) for hit in after.hits] == [(hit.image.id, hit.cosine) for hit in before.hits]


def test_another_model_takes_over_without_a_pause(library, tmp_path):
    before = library.find(picture(7)).generation
    other = library.indexer_for(ColourGridEncoder(name="other", seed=2))
    other.index([tmp_path / "photos"])
    answer = switched(library, before)
    while not answer.generation.startswith(other.model.fingerprint[:8]):
        answer = switched(library, answer.generation)


def switched(library, generation, **options):
    """The first answer of another generation, however slowly it comes."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = library.find(picture(7), **options)
        assert answer.hits[0].cosine == pytest.approx(1.0, abs=1e-6)  # never one model's query in the other's vectors
        if answer.generation != generation:
            return answer
        time.sleep(0.02)
    pytest.fail(f"{generation} goes on answering")


def test_later_pages_keep_the_closeness_of_their_generation(library):
    first = library.find(picture(7), limit=100)
    for seed in range(200, 280):
        library.upload(seed, noise=90)
    library.publisher.publish(library.indexer.model)
    newer = switched(library, library.find(picture(7)).generation, limit=100)
    page = library.engine.page(first.query_id, offset=0, limit=100)
    assert as_tuples(page) == as_tuples(first)
    common = {hit.image.id: hit.closeness for hit in newer.hits}
    assert any(common[hit.image.id] != hit.closeness for hit in first.hits if hit.image.id in common)


def test_pages_end_with_their_model(library, tmp_path):
    first = library.find(picture(7), limit=10)
    other = library.indexer_for(ColourGridEncoder(name="other", seed=2))
    other.index([tmp_path / "photos"])
    while not switched(library, first.generation).generation.startswith(other.model.fingerprint[:8]):
        pass
    with pytest.raises(CursorRefused, match="another model"):
        library.engine.page(first.query_id, offset=10, limit=10)


def test_a_damaged_snapshot_is_passed_over_and_said_so(library):
    before = as_tuples(library.find(picture(7), limit=100))
    manifest = next(library.snapshots.glob("*/*/manifest.json"))
    victim = max((f for f in manifest.parent.iterdir() if f != manifest), key=lambda f: f.stat().st_size)
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(bytes(damaged))
    engine = library.new_engine()
    answer = engine.search(Query.picture(picture(7), limit=100))
    engine.close()
    assert any("exact search over the catalog is used instead" in note for note in answer.notes)
    assert [(rank, image_id, cosine) for rank, image_id, cosine, _, _ in as_tuples(answer)] == [
        (rank, image_id, cosine) for rank, image_id, cosine, _, _ in before
    ]
    assert library.indexer.index([library.folder.parent / "photos"]).snapshot is not None


def test_bad_queries_are_refused_by_name(library):
    with pytest.raises(ImageRefused, match="holiday.jpg"):
        library.find(b"no image", name="holiday.jpg")
    with pytest.raises(UnknownImage):
        library.find(image_id="f" * 32)
    with pytest.raises(CropRefused):
        Box(x=0.5, y=0, width=0.6, height=1)
    with pytest.raises(CropRefused):
        Box(x=float("nan"), y=0, width=1, height=1)


def test_an_empty_library_answers_with_nothing(parts):
    with pytest.raises(LibraryMissing, match="lookalike index"):
        parts.find(picture(1))
    assert not parts.engine.ready().ready
    only = parts.upload(1)
    assert parts.find_ids(picture(1)) == [only]
    parts.catalog.images.delete(only)
    assert parts.find_ids(picture(1)) == []
    parts.publisher.publish(parts.indexer.model)
    assert parts.find_ids(picture(1)) == []


def test_closeness_is_higher_for_what_is_closer(library):
    closeness = [hit.closeness for hit in library.find(picture(7), limit=100).hits]
    assert closeness == sorted(closeness, reverse=True)
    assert 0 <= min(closeness) <= max(closeness) <= 100


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["add", "delete", "hide", "show", "publish"]), st.integers(0, 7)), max_size=25)
)
def test_results_are_always_exactly_the_public_images(tmp_path_factory, steps):
    """Whatever happened, in whatever order: an image is found if and only if it is there and public."""
    with Parts(tmp_path_factory.mktemp("library")) as parts:
        public, present = set(), {}
        present[99] = parts.upload(99)
        public.add(99)
        for step, seed in steps:
            if step == "add" and seed not in present:
                present[seed] = parts.upload(seed)
                public.add(seed)
            elif step == "delete" and seed in present:
                parts.catalog.images.delete(present.pop(seed))
                public.discard(seed)
            elif step == "hide" and seed in present:
                parts.catalog.images.update(present[seed], visibility=Visibility.PRIVATE)
                public.discard(seed)
            elif step == "show" and seed in present:
                parts.catalog.images.update(present[seed], visibility=Visibility.PUBLIC)
                public.add(seed)
            elif step == "publish":
                parts.publisher.publish(parts.indexer.model)
            expected = {present[s] for s in public}
            assert set(parts.find_ids(picture(99), limit=100)) == expected


def test_the_steps_of_a_search_give_the_same_answer_as_all_at_once(library):
    crop = Box(x=0.1, y=0.2, width=0.5, height=0.6)
    for query in (Query.picture(picture(7), limit=9), Query.picture(picture(3), crop=crop, limit=9)):
        whole = library.engine.search(query)
        embedded = library.engine.embed(library.engine.decode(query))
        stepwise = library.engine.search(query, embedded)
        assert as_tuples(stepwise) == as_tuples(whole)
        assert (stepwise.width, stepwise.height, stepwise.crop) == (whole.width, whole.height, whole.crop)
        assert stepwise.milliseconds["decode"] > 0


def test_a_query_that_was_embedded_by_a_model_that_answers_no_more_is_embedded_again(library):
    query = Query.picture(picture(7), limit=9)
    embedded = library.engine.embed(library.engine.decode(query))
    former = replace(embedded.model, fingerprint="f" * 64)
    wrong = replace(embedded, model=former, encoded=replace(embedded.encoded, vector=embedded.encoded.vector[:3]))
    assert as_tuples(library.engine.search(query, wrong)) == as_tuples(library.engine.search(query))
