"""API keys: who may do what over HTTP.

A key is `lk_PREFIX_SECRET`. The prefix is public and names the key; the secret has 256 random bits. Only the SHA-256 of
the whole text is stored. A slow hash, as for passwords, would protect nothing more: those make guessing expensive where
people choose what to guess, and nobody can guess 256 random bits at any speed. A fast hash lets every request be
checked.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, Row, exists, insert, select, update

from lookalike.catalog.records import require_storable
from lookalike.catalog.schema import api_keys
from lookalike.errors import CallerError

LONGEST_NAME = 100
MOST_REQUESTS = 1_000_000
MOST_AT_ONCE = 10_000

_PREFIX_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_PREFIX_LENGTH = 8
_SECRET_BYTES = 32
_KEY = re.compile(r"lk_([a-z0-9]{8})_[0-9A-Za-z_-]{43}")


class Scope(StrEnum):
    """What a key allows: to search and look at public images, to change the library, to send events, or everything.

    `trusted` allows nothing by itself: what such a key uploads need not wait for review.
    """

    SEARCH = "search"
    WRITE = "write"
    EVENTS = "events"
    TRUSTED = "trusted"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """What a new key shall allow.

    Attributes:
        name: who or what it is for, in words.
        scopes: at least one.
        owner_id: whoever it acts for: uploads belong to this owner, and other owners' images cannot be changed.
        requests_per_minute: how many at most; None for no limit.
        concurrent_requests: how many at a time; None for no limit.
        expires_at: when it stops working; None for never.

    Raises:
        CallerError: a value makes no sense; the message names it.
    """

    name: str
    scopes: frozenset[Scope]
    owner_id: str | None = None
    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.name.strip()) <= LONGEST_NAME or not self.name.isprintable():
            raise CallerError(f"name {self.name[:LONGEST_NAME]!a}: must be 1 to {LONGEST_NAME} printable characters")
        if not self.scopes:
            raise CallerError(f"scopes: give at least one of {', '.join(Scope)}")
        require_storable("owner_id", self.owner_id)
        if self.owner_id == "":
            raise CallerError("owner_id must not be empty: leave it out for a key that acts for nobody")
        for field, most in (("requests_per_minute", MOST_REQUESTS), ("concurrent_requests", MOST_AT_ONCE)):
            value = getattr(self, field)
            if value is not None and not 1 <= value <= most:
                raise CallerError(f"{field} {value}: must be from 1 to {most:,}")
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            raise CallerError(f"expires_at {self.expires_at.isoformat()}: is not in the future")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is known afterwards: everything but its secret.

    Attributes:
        prefix: the first letters of the key, by which it is named.
        name: who or what it is for.
        scopes: what it allows.
        owner_id: whoever it acts for, if anybody.
        requests_per_minute: None for no limit.
        concurrent_requests: None for no limit.
        created_at: when it was made.
        expires_at: when it stops working; None for never.
        revoked_at: when it was revoked; None while it is not.
    """

    prefix: str
    name: str
    scopes: frozenset[Scope]
    owner_id: str | None
    requests_per_minute: int | None
    concurrent_requests: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def works_at(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: Scope) -> bool:
        """Whether it has that scope; `admin` includes every other."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def write_key(connection: Connection, wish: KeyWish) -> tuple[str, ApiKey]:
    """Make a key; see `Keys.create`."""
    prefix = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(_PREFIX_LENGTH))
    text = f"lk_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    values = {
        "prefix": prefix,
        "digest": _digest(text),
        "name": wish.name.strip(),
        "scopes": ",".join(sorted(wish.scopes)),
        "owner_id": wish.owner_id,
        "requests_per_minute": wish.requests_per_minute,
        "concurrent_requests": wish.concurrent_requests,
        "created_at": datetime.now(UTC),
        "expires_at": wish.expires_at,
    }
    connection.execute(insert(api_keys).values(values))
    return text, read_keys(connection, prefix)[0]


def read_keys(connection: Connection, prefix: str | None = None) -> list[ApiKey]:
    """Every key, or the one of that prefix, the oldest first."""
    statement = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.prefix)
    if prefix is not None:
        statement = statement.where(api_keys.c.prefix == prefix)
    return [_key(row) for row in connection.execute(statement)]


def find_key(connection: Connection, text: str) -> ApiKey | None:
    """The key of that text; see `Keys.find`."""
    named = _KEY.fullmatch(text)
    if named is None:
        return None
    row = connection.execute(select(api_keys).where(api_keys.c.prefix == named[1])).one_or_none()
    if row is None or not secrets.compare_digest(bytes(row.digest), _digest(text)):
        return None
    return _key(row)


def has_keys(connection: Connection) -> bool:
    """Whether any key was ever made."""
    return bool(connection.execute(select(exists().select_from(api_keys))).scalar_one())


def revoke_key(connection: Connection, prefix: str) -> ApiKey:
    """Revoke a key; see `Keys.revoke`."""
    found = read_keys(connection, prefix)
    if not found:
        raise CallerError(f"no key begins with lk_{prefix[:64]}; `lookalike keys list` shows those there are")
    now = datetime.now(UTC)
    unrevoked = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
    connection.execute(update(api_keys).where(unrevoked).values(revoked_at=now))
    return read_keys(connection, prefix)[0]


def prefix_of(text: str) -> str:
    """The prefix that is meant by a prefix, by `lk_PREFIX`, or by a whole key."""
    return text.removeprefix("lk_").partition("_")[0]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    values = row._asdict()
    del values["digest"]
    scopes: Sequence[str] = values.pop("scopes").split(",")
    return ApiKey(scopes=frozenset(Scope(scope) for scope in scopes), **values)
