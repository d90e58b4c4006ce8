"""Who changed what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from lookalike.catalog.schema import audit_log


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change.

    Attributes:
        actor: who: `key:PREFIX`, `admin-token`, `anybody` where the server is open, or `cli:USER`.
        action: what was done, such as `image.delete`.
        subject: to what: an image's id, a key's prefix, a collection's name.
        details: what else is to be known, such as which fields were changed.
        at: when.
        number: counts up; 0 while it is not written.
    """

    actor: str
    action: str
    subject: str
    details: str = ""
    at: datetime
    number: int = 0


def write_entry(connection: Connection, *, actor: str, action: str, subject: str, details: str) -> None:
    """Write down a change; see `AuditLog.add`."""
    values = {"at": datetime.now(UTC), "actor": actor, "action": action, "subject": subject, "details": details}
    connection.execute(insert(audit_log).values(values))


def read_entries(
    connection: Connection, *, limit: int, before: int | None, actor: str | None, subject: str | None
) -> Sequence[AuditEntry]:
    """The latest changes, the newest first; see `AuditLog.latest`."""
    statement = select(audit_log).order_by(audit_log.c.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit_log.c.number < before)
    if actor is not None:
        statement = statement.where(audit_log.c.actor == actor)
    if subject is not None:
        statement = statement.where(audit_log.c.subject == subject)
    return [AuditEntry(**row._asdict()) for row in connection.execute(statement)]
