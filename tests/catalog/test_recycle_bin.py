"""The bin and the folders, on each database."""

from datetime import UTC, datetime, timedelta

from lookalike.catalog import AdditionResult, SourceFile
from lookalike.types import Visibility

LATER = datetime.now(UTC) + timedelta(days=1)


def test_an_image_goes_to_the_bin_and_comes_back_as_it_was(library, catalog):
    image_id = library.add(
        "a", tags=("red", "shoe"), owner_id="ann", visibility=Visibility.PRIVATE, vector=library.unit(1)
    )
    before, vector = catalog.images.get(image_id), catalog.vectors.get(library.fingerprint, [image_id])[image_id]
    catalog.sources.forget(["/photos/a"])
    assert (catalog.recycle_bin.among([image_id]), catalog.counts().removed, catalog.images.get_many([image_id])) == (
        {image_id},
        1,
        {},
    )
    known = catalog.images.known(library.fingerprint, image_id)
    assert (known.width, known.height, known.mean_colour) == (before.width, before.height, before.mean_colour)
    sequence = catalog.changes.sequence()
    assert catalog.images.add([library.addition("a", path="/photos/elsewhere")]) == [AdditionResult.RETURNED]
    assert catalog.images.get(image_id).source == "/photos/elsewhere"
    assert catalog.images.get(image_id).tags == before.tags
    assert (catalog.images.get(image_id).owner_id, catalog.images.get(image_id).visibility) == (
        "ann",
        Visibility.PRIVATE,
    )
    assert (catalog.vectors.get(library.fingerprint, [image_id])[image_id] == vector).all()
    changes = catalog.changes.read(after=sequence, fingerprint=library.fingerprint)
    assert [(change.image_id, change.deleted) for change in changes] == [(image_id, False)]
    assert (catalog.counts().removed, catalog.check()) == (0, [])


def test_the_bin_is_emptied_by_age_and_keeps_who_was_hidden(library, catalog):
    public = library.add("public", tags=("red",), vector=library.unit(1))
    hidden = library.add("hidden", visibility=Visibility.BLOCKED, vector=library.unit(2))
    catalog.sources.forget(["/photos/public", "/photos/hidden"])
    assert catalog.recycle_bin.empty(older_than=datetime.now(UTC) - timedelta(days=1)) == 0
    assert catalog.recycle_bin.empty(older_than=LATER) == 1
    assert catalog.recycle_bin.among([public, hidden]) == {hidden}
    assert catalog.images.known(library.fingerprint, hidden) is None
    library.add("public")
    library.add("hidden")
    assert catalog.images.get(public).tags == ()
    assert catalog.images.get(hidden).visibility is Visibility.BLOCKED


def test_a_path_that_holds_another_image_sends_the_old_one_to_the_bin(library, catalog):
    old = library.add("old", path="/photos/x", tags=("red",))
    new = library.add("new", path="/photos/x")
    assert (catalog.recycle_bin.among([old, new]), catalog.images.get_many([new]).keys()) == ({old}, {new})
    library.add("old", path="/photos/y")
    assert catalog.images.get(old).tags == ("red",)


def test_what_was_deleted_on_request_is_not_in_the_bin(library, catalog):
    image_id = library.add("a", tags=("red",))
    catalog.images.delete(image_id)
    assert catalog.recycle_bin.among([image_id]) == set()
    assert catalog.images.add([library.addition("a", restore=True)]) == [AdditionResult.NEW]
    assert catalog.images.get(image_id).tags == ()


def test_forgetting_below_a_path(library, catalog):
    inside, both = library.add("inside", path="/p/a/1"), library.add("both", path="/p/a/2")
    library.add("both", path="/p/b/2")
    catalog.folders.record_runs(["/p", "/p/a"])
    assert catalog.sources.count_forgotten_below("/p/a") == (2, 1)
    assert catalog.sources.forget_below("/p/a") == (2, 1)
    assert catalog.images.get_many([inside, both]).keys() == {both}
    assert catalog.folders.forgotten() == ["/p/a"]
    assert [(folder.path, folder.images) for folder in catalog.folders.indexed()] == [("/p", 1)]
    catalog.folders.record_runs(["/p/a"])
    assert catalog.folders.forgotten() == []
    assert catalog.sources.forget_below("/p", leave_out=False, for_good=True) == (1, 1)
    assert (catalog.folders.indexed(), catalog.recycle_bin.among([inside, both])) == ([], {inside})


def test_folders_that_an_earlier_version_indexed_are_listed(library, catalog):
    for path in ("/p/a/1", "/p/a/deep/2", "/q/3"):
        library.add(path, path=path)
    listed = {folder.path: (folder.images, folder.last_run_at) for folder in catalog.folders.indexed()}
    assert listed == {"/p/a": (2, None), "/q": (1, None)}


def test_missing_files_are_noted_until_they_are_found(library, catalog):
    image_id = library.add("a", path="/p/1")
    library.add("a", path="/p/2")
    sequence = catalog.changes.sequence()
    catalog.sources.note_missing(["/p/1"])
    assert catalog.changes.sequence() > sequence  # it goes by its other path now
    assert catalog.images.get(image_id).source == "/p/2"
    assert [file.path for file in catalog.sources.files_of([image_id])[image_id]] == ["/p/2", "/p/1"]
    assert [folder.missing for folder in catalog.folders.indexed()] == [1]
    seen = SourceFile(path="/p/1", byte_count=1, modified_ns=1, changed_ns=5, inode=(1 << 64) - 1, device=7)
    catalog.sources.note_unchanged([seen])
    assert catalog.images.get(image_id).source == "/p/1"
    state = catalog.sources.below("/p/1")["/p/1"]
    assert (state.missing, state.changed_ns, state.inode, state.device) == (False, 5, (1 << 64) - 1, 7)


def test_a_sample_of_files(library, catalog):
    ids = {library.add(f"{number}") for number in range(20)}
    catalog.sources.note_missing(["/photos/3"])
    everything = catalog.sources.sample(100)
    assert {image_id for _, image_id in everything} <= ids
    assert len(everything) == 19
    assert len(catalog.sources.sample(5)) == 5
    assert catalog.sources.sample(5, seed=1) == catalog.sources.sample(5, seed=1)


def test_paths_elsewhere_of_images_below_a_folder(library, catalog):
    image_id = library.add("a", path="/new/1")
    library.add("a", path="/old/1")
    library.add("b", path="/old/2")
    found = catalog.sources.copies_elsewhere("/new")
    assert [(file.path, found_id) for file, found_id in found] == [("/old/1", image_id)]
