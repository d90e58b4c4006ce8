from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from lookalike.catalog import KeyWish, Scope, prefix_of
from lookalike.errors import CallerError

WISH = KeyWish(name="shop", scopes=frozenset({Scope.SEARCH, Scope.EVENTS}))


def test_a_key_is_found_by_its_text_alone_and_its_secret_is_not_kept(catalog):
    assert not catalog.keys.are_there()
    key_text, key = catalog.keys.create(WISH)
    assert catalog.keys.are_there()
    assert catalog.keys.find(key_text) == key
    assert catalog.keys.list() == [key]
    assert (key.name, key.scopes) == ("shop", WISH.scopes)
    another_end = "A" if key_text[-1] != "A" else "E"
    for wrong in (key_text[:-1] + another_end, key_text[:-1], key.prefix, "", f"lk_{'a' * 8}_{'b' * 43}"):
        assert catalog.keys.find(wrong) is None
    with catalog.database.reading() as connection:
        stored = repr(connection.execute(text("SELECT * FROM api_keys")).all())
    assert key_text.rpartition("_")[2] not in stored
    assert prefix_of(key_text) == prefix_of(f"lk_{key.prefix}") == prefix_of(key.prefix) == key.prefix


def test_no_two_keys_are_alike(catalog):
    texts = {catalog.keys.create(WISH)[0] for _ in range(20)}
    assert len(texts) == 20
    assert {len(one) for one in texts} == {len("lk_") + 8 + 1 + 43}


def test_a_revoked_or_expired_key_does_not_work(catalog):
    now = datetime.now(UTC)
    key_text, key = catalog.keys.create(
        KeyWish(name="a", scopes=frozenset({Scope.ADMIN}), expires_at=now + timedelta(hours=1))
    )
    assert key.works_at(now)
    assert not key.works_at(now + timedelta(hours=1))
    revoked = catalog.keys.revoke(key.prefix)
    assert not revoked.works_at(now)
    assert catalog.keys.find(key_text) == revoked
    assert catalog.keys.revoke(key.prefix) == revoked  # the time of the first one stays
    assert catalog.keys.are_there()
    with pytest.raises(CallerError, match="no key begins with lk_nothing"):
        catalog.keys.revoke("nothing")


def test_admin_includes_every_scope(catalog):
    _, key = catalog.keys.create(KeyWish(name="a", scopes=frozenset({Scope.ADMIN})))
    assert all(key.allows(scope) for scope in Scope)
    _, key = catalog.keys.create(KeyWish(name="a", scopes=frozenset({Scope.SEARCH})))
    assert [scope for scope in Scope if key.allows(scope)] == [Scope.SEARCH]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": frozenset()}, "scopes"),
        ({"owner_id": ""}, "owner_id"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"concurrent_requests": 10_001}, "concurrent_requests"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(values, field):
    with pytest.raises(CallerError, match=field):
        KeyWish(**{"name": "a", "scopes": frozenset({Scope.SEARCH}), **values})


def test_the_audit_log_lists_the_newest_first(catalog):
    for number in range(5):
        catalog.audit.add(actor="cli:ann" if number % 2 else "key:a", action="image.delete", subject=str(number))
    entries = catalog.audit.latest(3)
    assert [entry.subject for entry in entries] == ["4", "3", "2"]
    assert [entry.subject for entry in catalog.audit.latest(before=entries[-1].number)] == ["1", "0"]
    assert [entry.subject for entry in catalog.audit.latest(actor="cli:ann")] == ["3", "1"]
    assert [entry.actor for entry in catalog.audit.latest(subject="4")] == ["key:a"]
