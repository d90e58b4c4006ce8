"""API keys and the audit log of a library."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass

from lookalike.catalog import ApiKey, AuditEntry, Catalog, KeyWish, prefix_of
from lookalike.library.parts import LibraryParts


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made.

    Attributes:
        text: the key itself; nobody can find it out later.
        key: what is kept of it.
    """

    text: str
    key: ApiKey


def create_key(library: LibraryParts, wish: KeyWish) -> NewKey:
    """Make an API key."""
    text, key = library.catalog.keys.create(wish)
    written_down(library.catalog, "key.create", key.prefix, f"{key.name}: {', '.join(sorted(key.scopes))}")
    return NewKey(text=text, key=key)


def list_keys(library: LibraryParts) -> Sequence[ApiKey]:
    """Every key that was made."""
    return library.catalog.keys.list()


def revoke_key(library: LibraryParts, named: str) -> ApiKey:
    """Make a key stop working, within a second in running services.

    Args:
        library: that has the key.
        named: its prefix, or the key itself.

    Raises:
        CallerError: there is no such key.
    """
    key = library.catalog.keys.revoke(prefix_of(named))
    written_down(library.catalog, "key.revoke", key.prefix, key.name)
    return key


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """Which changes to list: at most so many, of one actor, to one subject; None for all."""

    limit: int = 100
    actor: str | None = None
    subject: str | None = None


def read_audit(library: LibraryParts, request: AuditRequest) -> Sequence[AuditEntry]:
    """Who changed what, the newest first."""
    return library.catalog.audit.latest(request.limit, actor=request.actor, subject=request.subject)


def written_down(catalog: Catalog, action: str, subject: str, details: str = "") -> None:
    """Write down a change that a command made."""
    catalog.audit.add(actor=command_actor(), action=action, subject=subject, details=details)


def command_actor() -> str:
    """Who uses the command line, as the audit log names them."""
    return f"cli:{_user()}"


def _user() -> str:
    """The user's name, where the machine has one for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
