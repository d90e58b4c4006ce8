import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import func, select

from lookalike.catalog import AdditionResult, content_id, schema
from lookalike.catalog.recent import RecentImages
from lookalike.errors import CallerError, CursorRefused, ImageRefused, UnknownImage, VectorsRefused
from lookalike.types import Visibility


def test_an_image_comes_back_as_it_was_added(library, catalog):
    before = datetime.now(UTC)
    image_id = library.add("a", tags=("red", "shoe"), owner_id="ann", visibility=Visibility.PRIVATE)
    image = catalog.images.get(image_id)
    assert (image.id, image.width, image.height, image.byte_count) == (content_id(b"a"), 40, 30, 1)
    assert (image.mean_colour, image.media_type) == ("#102030", "image/png")
    assert (image.source, image.owner_id, image.error) == ("/photos/a", "ann", None)
    assert (image.tags, image.visibility) == (("red", "shoe"), Visibility.PRIVATE)
    assert before <= image.uploaded_at <= datetime.now(UTC)


def test_a_batch_says_what_is_new_and_what_is_not(library, catalog):
    library.add("a")
    again, new, twice = library.addition("a"), library.addition("b"), library.addition("b", path="/photos/copy")
    assert catalog.images.add([again, new, twice]) == [AdditionResult.KNOWN, AdditionResult.NEW, AdditionResult.KNOWN]
    assert catalog.images.add([]) == []
    assert catalog.counts().live == 2


def test_one_content_at_several_paths_is_one_image(library, catalog):
    image_id = library.add("a")
    assert library.add("a", path="/photos/copy") == image_id
    assert (catalog.counts().live, catalog.counts().sources) == (1, 2)
    assert catalog.sources.forget(["/photos/a"]) == 0
    assert catalog.images.get(image_id).source == "/photos/copy"
    assert catalog.sources.forget(["/photos/copy"]) == 1
    with pytest.raises(UnknownImage):
        catalog.images.get(image_id)


def test_a_path_whose_content_changed_takes_its_old_image_away(library, catalog):
    old, kept = library.add("old", path="/photos/x"), library.add("kept", path="/photos/y")
    library.add("kept", path="/photos/z")
    new = library.add("new", path="/photos/x")
    library.add("other", path="/photos/z")
    assert catalog.images.get_many([old, kept, new]).keys() == {kept, new}


def test_images_that_change_places_in_one_batch_both_stay(library, catalog):
    first, second = library.add("1", path="/photos/x"), library.add("2", path="/photos/y")
    catalog.images.add([library.addition("2", path="/photos/x"), library.addition("1", path="/photos/y")])
    assert catalog.images.get_many([first, second]).keys() == {first, second}
    assert catalog.images.get(first).source == "/photos/y"


def test_of_two_contents_at_one_path_in_one_batch_the_later_stays(library, catalog):
    earlier, later = library.addition("1", path="/photos/x"), library.addition("2", path="/photos/x")
    catalog.images.add([earlier, later])
    assert catalog.images.get_many([earlier.content_id, later.content_id]).keys() == {later.content_id}
    assert catalog.check() == []


def test_an_upload_outlives_its_file(library, catalog):
    image_id = library.add("a")
    assert library.upload(b"a") == image_id
    assert catalog.sources.forget(["/photos/a"]) == 0
    assert catalog.images.get(image_id).source is None
    assert catalog.images.content(image_id) == b"a"


def test_what_is_there_keeps_its_tags_owner_and_visibility(library, catalog):
    image_id = library.add("a", tags=("mine",), owner_id="ann", visibility=Visibility.BLOCKED)
    library.add("a", path="/photos/copy", tags=("other",), owner_id="bob")
    image = catalog.images.get(image_id)
    assert (image.tags, image.owner_id, image.visibility) == (("mine",), "ann", Visibility.BLOCKED)


def test_an_image_that_can_be_read_now_is_described_anew(library, catalog):
    image_id = library.add("a", error="truncated", width=0, height=0)
    assert catalog.vectors.images_without(library.fingerprint, limit=9) == []
    library.add("a", width=12, height=13)
    image = catalog.images.get(image_id)
    assert (image.error, image.width, image.height) == (None, 12, 13)
    library.add("a", error="cannot be read any more")
    assert catalog.images.get(image_id).error is None


def test_what_is_gone_from_its_sources_comes_back_with_them(library, catalog):
    image_id = library.add("a", tags=("old",), vector=library.unit(1))
    catalog.sources.forget(["/photos/a"])
    assert catalog.vectors.get(library.fingerprint, [image_id]) == {}
    assert catalog.images.add([library.addition("a")]) == [AdditionResult.RETURNED]
    assert catalog.images.get(image_id).tags == ("old",)
    assert catalog.vectors.get(library.fingerprint, [image_id]).keys() == {image_id}
    assert catalog.check() == []


def test_what_was_deleted_on_request_stays_away_until_it_is_restored(library, catalog):
    image_id = library.add("a", vector=library.unit(1))
    catalog.images.delete(image_id)
    before = catalog.changes.sequence()
    met_again = [library.addition("a"), library.addition("a", path="/photos/copy")]
    assert catalog.images.add(met_again) == [AdditionResult.LEFT_OUT] * 2
    assert catalog.changes.sequence() == before
    assert catalog.images.get_many([image_id]) == {}
    assert catalog.sources.below("/photos")["/photos/a"].image_id == image_id
    assert catalog.images.add([library.addition("a", restore=True)]) == [AdditionResult.NEW]
    assert catalog.images.get(image_id).source == "/photos/a"
    assert catalog.check() == []


def test_deleting_leaves_nothing_of_an_image_but_its_id(library, catalog):
    image_id = library.upload(b"secret", tags=("private",), owner_id="ann", vector=library.unit(1))
    catalog.images.delete(image_id)
    assert list(catalog.originals.ids()) == []
    with catalog.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM tombstones").all()
        left = [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (schema.images, schema.image_tags, schema.vectors, schema.sources)
        ]
    assert [tuple(row) for row in rows] == [(image_id, catalog.changes.sequence(), "requested")]
    assert left == [0, 0, 0, 0]
    for action in (catalog.images.get, catalog.images.content, catalog.images.delete):
        with pytest.raises(UnknownImage):
            action(image_id)


def test_an_upload_of_what_was_deleted_leaves_no_bytes_behind(library, catalog):
    image_id = library.upload(b"secret")
    catalog.images.delete(image_id)
    assert catalog.images.add([library.addition(content=b"secret", upload=b"secret")]) == [AdditionResult.LEFT_OUT]
    assert list(catalog.originals.ids()) == []
    restored = library.addition(content=b"secret", upload=b"secret", restore=True)
    assert catalog.images.add([restored]) == [AdditionResult.NEW]
    assert catalog.images.content(image_id) == b"secret"


@pytest.mark.parametrize("image_id", ["", "x" * 32, "A" * 32, "0" * 31, "\x00", "\udce9", "0" * 32, "%"])
def test_ids_that_no_image_has_are_unknown(library, catalog, image_id):
    library.add("a")
    for action in (catalog.images.get, catalog.images.content, catalog.images.delete, catalog.images.update):
        with pytest.raises(UnknownImage):
            action(image_id)
    assert catalog.images.get_many([image_id]) == {}
    assert catalog.vectors.get(library.fingerprint, [image_id]) == {}


def test_images_come_in_the_order_asked_for_and_by_thousands(library, catalog):
    batch = [library.addition(f"{n}", tags=("t",)) for n in range(1300)]
    ids = [addition.content_id for addition in batch]
    assert catalog.images.add(batch) == [AdditionResult.NEW] * 1300
    asked = [*reversed(ids), "0" * 32]
    found = catalog.images.get_many(asked)
    assert list(found) == asked[:-1]
    assert all(image.tags == ("t",) for image in found.values())
    assert catalog.sources.forget([addition.source.path for addition in batch]) == 1300
    assert catalog.counts().live == catalog.counts().sources == 0


def test_changing_an_image_changes_what_is_given_only(library, catalog):
    image_id = library.add("a", tags=("x",), owner_id="ann")
    before = catalog.changes.sequence()
    changed = catalog.images.update(image_id, visibility=Visibility.BLOCKED)
    assert (changed.visibility, changed.tags, changed.owner_id) == (Visibility.BLOCKED, ("x",), "ann")
    changed = catalog.images.update(image_id, tags=[" b ", "a", "b", ""], owner_id="")
    assert (changed.visibility, changed.tags, changed.owner_id) == (Visibility.BLOCKED, ("b", "a"), None)
    assert catalog.images.get(image_id) == changed
    assert catalog.changes.sequence() == before + 2


@pytest.mark.parametrize("text", ["nul\x00", "half a pair \ud83d"])
def test_text_that_no_database_keeps_is_the_callers_mistake(library, catalog, text):
    image_id = library.add("a")
    with pytest.raises(CallerError):
        catalog.images.update(image_id, tags=[text])
    with pytest.raises(CallerError):
        catalog.images.update(image_id, owner_id=text)
    with pytest.raises(CallerError):
        library.addition("b", tags=(text,))
    assert catalog.images.browse(tag=text).images == ()


def test_browsing_walks_through_every_image_once_newest_first(library, catalog):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    times = [moment + timedelta(hours=n // 3) for n in range(10)]  # some of the same moment
    catalog.images.add([library.addition(f"{n}", uploaded_at=time) for n, time in enumerate(times)])
    seen, cursor = [], None
    while True:
        page = catalog.images.browse(after=cursor, limit=4)
        seen += page.images
        cursor = page.next
        if cursor is None:
            break
        library.add(f"late {len(seen)}")  # newer ones do not move the pages that follow
    assert [(image.uploaded_at, image.id) for image in seen] == sorted(
        zip(times, (content_id(f"{n}".encode()) for n in range(10)), strict=True), reverse=True
    )


def test_browsing_by_a_tag_has_pages_too(library, catalog):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    tagged = [
        library.addition(f"{n}", tags=("other", "t"), uploaded_at=moment + timedelta(hours=n // 2)) for n in range(7)
    ]
    catalog.images.add([*tagged, library.addition("late", tags=("other",))])
    added = library.add("tagged later", uploaded_at=moment - timedelta(days=1))
    catalog.images.update(added, tags=["t"])
    seen, cursor = [], None
    for _ in range(4):
        page = catalog.images.browse(after=cursor, limit=2, tag="t")
        seen += [image.id for image in page.images]
        cursor = page.next
    assert cursor is None
    expected = sorted(tagged, key=lambda one: (one.uploaded_at, one.content_id), reverse=True)
    assert seen == [*(one.content_id for one in expected), added]


def test_an_outline_continues_a_page_with_sizes_and_cursors_of_pages(library, catalog):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.images.add(
        [
            library.addition(f"{n}", width=100 + n, height=50, uploaded_at=moment + timedelta(hours=n), tags=("t",))
            for n in range(12)
        ]
    )
    library.add("hidden", visibility=Visibility.PRIVATE, uploaded_at=moment, tags=("t",))
    for tag in (None, "t"):
        first = catalog.images.browse(limit=3, tag=tag)
        outline = catalog.images.outline(after=first.next, limit=100, every=4, tag=tag)
        assert outline.sizes == [(100 + n, 50) for n in range(8, -1, -1)]
        assert outline.next is None
        pages = [catalog.images.browse(after=cursor, limit=4, tag=tag).images for cursor in outline.cursors]
        assert [image.width for page in pages for image in page] == [width for width, _ in outline.sizes]


def test_a_long_outline_comes_in_parts(library, catalog):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.images.add([library.addition(f"{n}", uploaded_at=moment + timedelta(hours=n)) for n in range(9)])
    first = catalog.images.outline(after=catalog.images.browse(limit=1).next, limit=6, every=3)
    assert (len(first.sizes), len(first.cursors)) == (6, 2)
    rest = catalog.images.outline(after=first.next, limit=6, every=3)
    assert (len(rest.sizes), rest.cursors, rest.next) == (2, [first.next], None)


def test_browsing_shows_public_readable_images_unless_asked(library, catalog):
    shown = library.add("shown", tags=("a%", "b"))
    hidden = library.add("hidden", visibility=Visibility.PRIVATE, tags=("b",))
    broken = library.add("broken", error="truncated")
    library.add("other", tags=("ab",))

    def found(**options):
        return {image.id for image in catalog.images.browse(**options).images}

    assert found(tag="b") == {shown}
    assert found(tag="a%") == {shown}
    assert found(visibility=None, tag="b") == {shown, hidden}
    assert found(visibility=Visibility.PRIVATE) == {hidden}
    assert broken in found(readable=False)
    assert broken not in found()


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "MTo", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OmEK", "\x00"])
def test_a_damaged_cursor_is_refused(catalog, cursor):
    with pytest.raises(CursorRefused):
        catalog.images.browse(after=cursor)


def test_content_comes_from_any_file_that_still_has_it(library, catalog, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    image_id = library.add("same", path=str(first))
    library.add("same", path=str(second))
    with pytest.raises(ImageRefused) as refused:
        catalog.images.content(image_id)
    assert refused.value.reason == "unreadable"
    first.write_bytes(b"something else that nobody indexed")
    second.write_bytes(b"same")
    assert catalog.images.content(image_id) == b"same"
    second.unlink()
    with pytest.raises(ImageRefused):
        catalog.images.content(image_id)


def test_everything_is_counted(library, catalog):
    library.add("a", vector=library.unit(1))
    library.add("b", visibility=Visibility.PRIVATE)
    library.add("c", visibility=Visibility.BLOCKED, error="truncated")
    library.upload(b"d")
    counts = dataclasses.asdict(catalog.counts())
    assert counts | {"interactions": 0, "simulated_interactions": 0} == {
        "live": 4,
        "readable": 3,
        "unreadable": 1,
        "public": 2,
        "public_readable": 2,
        "private": 1,
        "blocked": 1,
        "sources": 3,
        "unreadable_sources": 0,
        "vectors": {library.fingerprint: 1},
        "users": 0,
        "interactions": 0,
        "simulated_interactions": 0,
        "grades": 0,
        "queries": 0,
        "removed": 0,
    }
    nothing = dict.fromkeys(("impression", "click", "dwell", "save", "not_similar"), 0)
    assert counts["interactions"] == counts["simulated_interactions"] == nothing


def test_a_batch_with_a_wrong_vector_is_not_stored_at_all(library, catalog):
    library.add("a", vector=library.unit(1))
    for wrong in (library.unit(1, dimension=4), np.full(8, np.nan), np.ones(8)):
        with pytest.raises(VectorsRefused):
            catalog.images.add([library.addition("b"), library.addition("c", vector=wrong)])
    assert catalog.counts().live == 1
    with pytest.raises(VectorsRefused):
        catalog.images.add(
            [library.addition("b", vector=library.unit(1)), library.addition("c", vector=library.unit(1, dimension=4))]
        )
    assert catalog.counts().live == 1


@pytest.mark.parametrize(
    "options",
    [{"content_id": "short"}, {"upload": b"other bytes"}, {"source": None}, {"fingerprint": "f"}],
)
def test_an_addition_that_contradicts_itself_is_a_programming_mistake(library, options):
    with pytest.raises(ValueError, match=r"."):
        dataclasses.replace(library.addition("a"), **options)


@pytest.mark.parametrize(
    "change",
    [
        lambda catalog, image_id: catalog.images.update(image_id, visibility=Visibility.BLOCKED),
        lambda catalog, image_id: catalog.images.update(image_id, tags=["red"]),
        lambda catalog, image_id: catalog.images.update(image_id, owner_id="me"),
        lambda catalog, image_id: catalog.images.delete(image_id),
        lambda catalog, _: catalog.sources.forget(["/photos/a"]),
    ],
)
def test_records_at_hand_are_never_older_than_the_catalog(library, catalog, change):
    image_id = library.add("a")
    library.add("a", path="/photos/second")
    others = [library.add(name) for name in "bc"]
    before = catalog.images.get_many([image_id, *others])
    assert catalog.images.get_many([image_id, *others]) == before
    with library.another() as elsewhere:  # another process, so far as this one can tell
        change(elsewhere, image_id)
        expected = elsewhere.images.get_many([image_id, *others])
    assert catalog.images.get_many([image_id, *others]) == expected != before
    assert [expected[other] for other in others] == [before[other] for other in others]


def test_a_file_that_becomes_another_image_is_no_longer_the_first_ones_name(library, catalog):
    first = library.add("a", path="/photos/x")
    library.add("a", path="/photos/y")
    assert catalog.images.get_many([first])[first].source == "/photos/x"
    second = library.add("b", path="/photos/x")
    named = {image_id: image.source for image_id, image in catalog.images.get_many([first, second]).items()}
    assert named == {first: "/photos/y", second: "/photos/x"}


def test_records_at_hand_are_bounded(library, catalog, monkeypatch):
    monkeypatch.setattr(catalog.images, "_recent", RecentImages(most=3))
    ids = [library.add(name) for name in "abcdef"]
    for _ in range(2):
        for start in range(5):
            assert list(catalog.images.get_many(ids[start : start + 2])) == ids[start : start + 2]
            assert len(catalog.images._recent.at(catalog.changes.sequence())) <= 3
        assert list(catalog.images.get_many(ids)) == ids


def test_an_upload_that_is_found_in_a_folder_gets_its_name_at_once(library, catalog):
    image_id = library.upload(b"picture")
    assert catalog.images.get_many([image_id])[image_id].source is None
    library.add(content=b"picture", path="/photos/z")
    assert catalog.images.get_many([image_id])[image_id].source == "/photos/z"


def test_the_bin_keeps_everything_that_an_image_has():
    kept = {column.name for column in schema.removed_images.c} - {"removed_at"}
    assert kept == {column.name for column in schema.images.c} - {"has_upload", "sequence"}
