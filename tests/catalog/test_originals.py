import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete

from lookalike.catalog import content_id, schema
from lookalike.errors import VectorsRefused

ID = content_id(b"bytes")


def test_orphans_are_collected_and_what_is_in_use_is_not(library, catalog):
    kept = library.upload(b"kept")
    catalog.originals.put(ID, b"bytes")
    catalog.originals.settle([ID])
    abandoned = catalog.originals.path(ID).with_name("x.part")
    fresh = catalog.originals.path(ID).with_name("y.part")
    abandoned.write_bytes(b"half")
    fresh.write_bytes(b"hal")
    os.utime(abandoned, (time.time() - 7200, time.time() - 7200))
    assert catalog.uploads.collect_orphans() == 2
    assert catalog.uploads.collect_orphans(keep=timedelta(days=-1)) == 1
    assert list(catalog.originals.ids()) == [kept]
    assert (abandoned.exists(), fresh.exists()) == (False, True)
    assert catalog.uploads.collect_orphans() == 0


def forget_record(catalog, image_id):
    """As a catalog put back from an older backup does not know the image."""
    with catalog.database.changing() as change:
        change.connection.execute(delete(schema.images).where(schema.images.c.id == image_id))


def age(originals, image_id, *, days):
    when = time.time() - days * 86_400
    os.utime(originals.directory / "removed" / image_id, (when, when))


def test_bytes_that_no_image_has_stay_for_a_month_and_go_then(library, catalog):
    image_id = library.upload(b"picture")
    forget_record(catalog, image_id)
    assert [image_id in problem and "without a record" in problem for problem in catalog.check()] == [True]
    assert catalog.uploads.collect_orphans() == 1
    assert catalog.check() == []
    age(catalog.originals, image_id, days=29)
    assert catalog.uploads.collect_orphans() == 0
    assert catalog.originals.get(image_id) == b"picture"
    age(catalog.originals, image_id, days=31)
    assert catalog.uploads.collect_orphans() == 1
    assert not catalog.originals.has(image_id)


def test_orphans_whose_record_comes_back_are_none_any_more(library, catalog):
    image_id = library.upload(b"picture")
    forget_record(catalog, image_id)
    catalog.uploads.collect_orphans()
    age(catalog.originals, image_id, days=300)
    library.upload(b"picture")  # or a newer catalog was put back
    assert catalog.uploads.collect_orphans() == 0
    assert catalog.images.content(image_id) == b"picture"
    forget_record(catalog, image_id)
    assert catalog.uploads.collect_orphans() == 1  # its time begins anew
    assert catalog.originals.has(image_id)


def test_a_clock_that_was_set_back_does_not_shorten_their_time(library, catalog, monkeypatch):
    image_id = library.upload(b"picture")
    forget_record(catalog, image_id)
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: 1_000.0)  # 1970, as a board without a battery starts
        catalog.uploads.collect_orphans()
    assert catalog.uploads.collect_orphans() == 0
    assert catalog.originals.get(image_id) == b"picture"


def test_an_upload_that_was_killed_is_no_damage(catalog):
    catalog.originals.put(ID, b"bytes")
    assert catalog.check() == []
    assert catalog.uploads.collect_orphans() == 0  # it may still be under way
    mark = catalog.originals.directory / "incoming" / ID
    os.utime(mark, (time.time() - 7200, time.time() - 7200))
    assert catalog.uploads.collect_orphans() == 1
    assert not mark.exists()


def test_bytes_of_what_was_deleted_on_request_go_at_once(library, catalog):
    image_id = library.upload(b"picture")
    forget_record(catalog, image_id)
    catalog.uploads.collect_orphans()
    library.upload(b"picture")
    catalog.images.delete(image_id)
    assert not catalog.originals.has(image_id)
    catalog.originals.put(image_id, b"picture")  # a crash between the transaction and the removal leaves them
    catalog.uploads.collect_orphans()
    assert not catalog.originals.has(image_id)


def test_an_upload_that_fails_leaves_bytes_that_were_there_before(library, catalog):
    first = library.upload(b"first", vector=library.unit(1))
    orphan = library.upload(b"orphan")
    forget_record(catalog, orphan)
    with pytest.raises(VectorsRefused):
        library.upload(b"orphan", vector=library.unit(1, dimension=4))
    assert sorted(catalog.originals.ids()) == sorted([first, orphan])


def test_an_upload_whose_transaction_fails_leaves_no_bytes(library, catalog):
    library.upload(b"first", vector=library.unit(1))
    with pytest.raises(VectorsRefused):
        library.upload(b"second", vector=library.unit(1, dimension=4))
    assert list(catalog.originals.ids()) == [content_id(b"first")]


def test_bytes_that_vanish_before_the_commit_are_written_again(library, catalog, monkeypatch):
    """Another process deletes the same image between our writing its bytes and our transaction."""
    put = catalog.originals.put

    def put_then_lose(image_id, content):
        put(image_id, content)
        monkeypatch.setattr(catalog.originals, "put", put)
        catalog.originals.remove(image_id)

    monkeypatch.setattr(catalog.originals, "put", put_then_lose)
    assert catalog.images.content(library.upload(b"bytes")) == b"bytes"
