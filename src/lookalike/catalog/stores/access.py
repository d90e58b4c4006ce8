"""API keys, and the log of who changed what."""

import builtins
from collections.abc import Sequence

from lookalike.catalog import audit, keys
from lookalike.catalog.audit import AuditEntry
from lookalike.catalog.database import Database
from lookalike.catalog.keys import ApiKey, KeyWish


class Keys:
    """API keys. Their secrets are not kept: only who made a key knows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, wish: KeyWish) -> tuple[str, ApiKey]:
        """Make a key.

        Returns:
            Its text, which cannot be had again, and what is kept of it.
        """
        with self._database.writing() as connection:
            return keys.write_key(connection, wish)

    def list(self) -> builtins.list[ApiKey]:
        """Every key that was made, revoked and expired ones, too; the oldest first."""
        with self._database.reading() as connection:
            return keys.read_keys(connection)

    def revoke(self, prefix: str) -> ApiKey:
        """Make a key stop working, for good.

        Raises:
            CallerError: there is none of that prefix.
        """
        with self._database.writing() as connection:
            return keys.revoke_key(connection, prefix)

    def find(self, text: str) -> ApiKey | None:
        """The key of that text, whether it works or not; None where it is none of ours."""
        with self._database.reading() as connection:
            return keys.find_key(connection, text)

    def are_there(self) -> bool:
        """Whether any key was ever made: then the service asks for one, even where all are revoked."""
        with self._database.reading() as connection:
            return keys.has_keys(connection)


class AuditLog:
    """Who changed what. Nothing in it is ever changed or deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *, actor: str, action: str, subject: str, details: str = "") -> None:
        """Write down a change, once it was made.

        Args:
            actor: who made it, see `AuditEntry`.
            action: what was done.
            subject: to what.
            details: in words.
        """
        with self._database.writing() as connection:
            audit.write_entry(connection, actor=actor, action=action, subject=subject, details=details)

    def latest(
        self, limit: int = 100, *, before: int | None = None, actor: str | None = None, subject: str | None = None
    ) -> Sequence[AuditEntry]:
        """Changes, the newest first.

        Args:
            limit: how many at most.
            before: only those with a smaller number.
            actor: only those of this actor.
            subject: only those of this subject.
        """
        with self._database.reading() as connection:
            return audit.read_entries(connection, limit=limit, before=before, actor=actor, subject=subject)
