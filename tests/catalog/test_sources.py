import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalog import SourceFailure, SourceState

ODD_NAMES = [
    "newline\nin name",
    "not utf-8 \udce9\udcff",
    "100%_of.png",
    "_",
    "%",
    "'; DROP TABLE images; --",
    "emoji 🦊",
    "e\u0301 and \u00e9",
    " leading and trailing ",
    "back\\slash",
    "x" * 250,
    "long/" * 800 + "name",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_come_back_exactly(library, catalog, name):
    image_id = library.add("a", path=f"/photos/{name}")
    assert catalog.sources.below("/photos") == {f"/photos/{name}": SourceState(1, 1, image_id, None)}
    assert catalog.images.get(image_id).source == f"/photos/{name}"
    assert catalog.sources.forget([f"/photos/{name}"]) == 1


names = st.binary(min_size=1, max_size=40).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"\n").replace(b"/", b"%")))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.sets(names, min_size=1, max_size=8))
def test_any_name_a_file_may_have_comes_back_exactly(library, catalog, found):
    paths = sorted(f"/any/{name}" for name in found)
    catalog.images.add([library.addition(f"content of {path!a}", path=path) for path in paths])
    assert catalog.sources.below("/any").keys() == set(paths)
    assert catalog.sources.forget(paths) == len(paths)


def test_only_what_is_below_the_folder_is_listed(library, catalog):
    inside = ["/photos/a", "/photos/b/c", "/photos"]
    outside = ["/photos2/a", "/photos-old", "/photo", "/photos.png", "/Photos/a", "/other/photos/a", "/phot_s/a"]
    for path in inside + outside:
        library.add(path, path=path)
    assert catalog.sources.below("/photos").keys() == set(inside)
    assert catalog.sources.below("/photos/").keys() == set(inside) - {"/photos"}
    assert catalog.sources.below("/").keys() == set(inside + outside)
    assert catalog.sources.below("/phot_s").keys() == {"/phot_s/a"}
    assert catalog.sources.below("/photo%") == {}


def test_a_source_says_why_it_is_no_image(library, catalog):
    image_id = library.add("a", error="not an image", path="/photos/notes.txt")
    assert catalog.sources.below("/photos") == {"/photos/notes.txt": SourceState(1, 1, image_id, "not an image")}
    assert catalog.unreadable() == [("/photos/notes.txt", "not an image")]


def test_a_path_that_cannot_be_read_is_recorded_and_keeps_its_image(library, catalog):
    image_id = library.add("a")
    before = catalog.changes.sequence()
    catalog.sources.record_failures(
        [
            SourceFailure(path="/photos/a", error="permission denied", byte_count=7, modified_ns=7),
            SourceFailure(path="/photos/new\udce9", error="new\udce9: permission\x00denied"),
        ]
    )
    assert catalog.changes.sequence() == before
    assert catalog.images.get(image_id).id == image_id
    assert catalog.sources.below("/photos") == {
        "/photos/a": SourceState(1, 1, image_id, "permission denied"),
        "/photos/new\udce9": SourceState(0, 0, None, "new\\udce9: permission\\x00denied"),
    }
    assert catalog.unreadable() == [
        ("/photos/a", "permission denied"),
        ("/photos/new\udce9", "new\\udce9: permission\\x00denied"),
    ]
    assert catalog.unreadable(limit=1) == [("/photos/a", "permission denied")]
    assert catalog.counts().unreadable_sources == 2
    library.add("a")
    assert catalog.sources.below("/photos")["/photos/a"].error is None
    assert catalog.sources.forget(["/photos/a", "/photos/new\udce9", "/photos/never"]) == 1
    assert catalog.sources.below("/photos") == {}


def test_a_source_says_that_its_image_was_deleted_on_request(library, catalog):
    image_id = library.add("a", path="/photos/a")
    catalog.images.delete(image_id)
    assert catalog.sources.below("/photos") == {"/photos/a": SourceState(1, 1, image_id, None, deleted=True)}


def test_a_file_from_the_far_future_can_be_recorded(catalog):
    catalog.sources.record_failures([SourceFailure(path="/a", error="odd", modified_ns=1 << 80)])
    assert catalog.sources.below("/a")["/a"].modified_ns == (1 << 63) - 1
