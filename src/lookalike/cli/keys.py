"""`lookalike keys create | list | revoke` and `lookalike audit`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from lookalike.catalog import ApiKey, KeyWish, Scope
from lookalike.cli.help import command_group
from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    plain_table,
    print_json,
    printable,
    settings_for,
)
from lookalike.errors import CallerError
from lookalike.library import keys as use_case
from lookalike.library.keys import AuditRequest
from lookalike.library.opening import open_library

app = command_group(add_completion=False, help="API keys for `lookalike serve`: who may do what over HTTP.")

_LASTING = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what the key is for.")],
    *,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it allows; repeatable (default: search). admin includes everything."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Uploads belong to this owner, and only their images can be changed.")
    ] = None,
    per_minute: Annotated[int | None, typer.Option(metavar="N", help="Maximum number of requests a minute.")] = None,
    at_once: Annotated[int | None, typer.Option(metavar="N", help="Maximum number of requests at a time.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it stops working: 12h, 30d, 8w, or a date.")
    ] = None,
    new_library: Annotated[bool, typer.Option("--create", help="Create an empty library if there is none.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once: only a hash of it is kept.

    As soon as a library has a key, `lookalike serve` asks for one, and may listen on other addresses than loopback.
    """
    with faults_are_told(as_json=as_json), open_library(settings_for(library), create=new_library) as opened:
        wish = KeyWish(
            name=name,
            scopes=frozenset(scope or [Scope.SEARCH]),
            owner_id=owner,
            requests_per_minute=per_minute,
            concurrent_requests=at_once,
            expires_at=_moment(expires) if expires else None,
        )
        made = use_case.create_key(opened, wish)
        if as_json:
            print_json({"key": made.text, **_document(made.key)})
            return
        console.print(printable(made.text), soft_wrap=True)
        console.print("Keep it now: it is not shown again. Send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_keys(*, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the keys of the library, without their secrets."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        keys = use_case.list_keys(opened)
        if as_json:
            print_json([_document(key) for key in keys])
        elif not keys:
            console.print("There are no keys: `lookalike keys create NAME` makes one.")
        else:
            table = plain_table("key", "name", "scopes", "owner", "state")
            for key in keys:
                cells = (f"lk_{key.prefix}", key.name, ", ".join(sorted(key.scopes)), key.owner_id or "", _state(key))
                table.add_row(*(printable(cell) for cell in cells))
            console.print_table(table)


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, or its prefix as `keys list` shows it.")],
    *,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key stop working; running services refuse it within a second."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        revoked = use_case.revoke_key(opened, key)
        if as_json:
            print_json(_document(revoked))
        else:
            console.print(printable(f"lk_{revoked.prefix} ({revoked.name}): revoked"), soft_wrap=True)


def audit(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="Maximum number of changes.")] = 50,
    actor: Annotated[
        str | None, typer.Option(help="Only changes by key:PREFIX, admin-token, anybody or cli:USER.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only changes of this image, key or collection.")] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what, the newest first."""
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        entries = use_case.read_audit(opened, AuditRequest(limit=limit, actor=actor, subject=subject))
        if as_json:
            print_json([{name: getattr(entry, name) for name in entry.__slots__} for entry in entries])
            return
        for entry in entries:
            line = f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor:<14}  {entry.action:<18}  {entry.subject}"
            console.print(printable(f"{line}  {entry.details}".rstrip()), soft_wrap=True)
        if not entries:
            console.print("Nothing was changed yet by the page, the HTTP API, or a command that is written down.")


def _moment(text: str) -> datetime:
    """When a key expires, from `30d` or a date in UTC."""
    lasting = _LASTING.fullmatch(text)
    if lasting is not None:
        return datetime.now(UTC) + int(lasting[1]) * _UNITS[lasting[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CallerError(f"expires {text[:40]!a}: give 12h, 30d, 8w or a date such as 2027-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if not key.works_at(datetime.now(UTC)):
        return "expired"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "works"


def _document(key: ApiKey) -> dict[str, Any]:
    values = {name: getattr(key, name) for name in key.__slots__}
    return {**values, "scopes": sorted(key.scopes), "works": key.works_at(datetime.now(UTC))}
