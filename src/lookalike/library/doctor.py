"""What an operator should know before somebody complains: a finding for each thing that can be wrong, and advice."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from lookalike.durable import bytes_below
from lookalike.errors import LookalikeError
from lookalike.library.open_files import most_open_files
from lookalike.library.parts import LibraryParts
from lookalike.library.reproducing import LEAST_COSINE, least_cosine
from lookalike.settings import FILE_NAME
from lookalike.snapshot import newest
from lookalike.types import ModerationState

_MIB = 1024 * 1024
_LITTLE_SPACE, _NO_SPACE = 2048 * _MIB, 256 * _MIB
_FEW_FILES = 1024
_AHEAD = timedelta(minutes=5)
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_LONG_TAIL = 0.2  # of the images
_FEW_IMAGES = 1000


class State(StrEnum):
    """How a thing stands: fine, worth a look, or not working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what: disk, permissions, clock, database, model, snapshot, moderation, limits or exposure.
        state: how it stands.
        told: what was found, in words.
        advice: what to do; empty where nothing is to be done.
    """

    check: str
    state: State
    told: str
    advice: str = ""


def examine(library: LibraryParts) -> list[Finding]:
    """Look at everything; nothing is changed, and a check that fails is a finding."""
    checks: dict[str, Callable[[LibraryParts], Iterator[Finding]]] = {
        "disk": _disk,
        "permissions": _permissions,
        "database": _database,
        "clock": _clock,
        "model": _model,
        "snapshot": _snapshot,
        "moderation": _moderation,
        "limits": _limits,
        "exposure": _exposure,
    }
    found: list[Finding] = []
    for name, check in checks.items():
        try:
            found += check(library)
        except (LookalikeError, OSError) as fault:
            found.append(Finding(check=name, state=State.PROBLEM, told=str(fault)))
    return found


def _disk(library: LibraryParts) -> Iterator[Finding]:
    usage = shutil.disk_usage(library.settings.library)
    told = f"{usage.free // _MIB:,} MiB are free of {usage.total // _MIB:,} MiB"
    if usage.free < _NO_SPACE:
        advice = "free space now: uploads and clicks fail when it is used up; searches go on"
        yield Finding(check="disk", state=State.PROBLEM, told=told, advice=advice)
    elif usage.free < max(_LITTLE_SPACE, 2 * bytes_below(library.settings.snapshots)):
        advice = "a new index is written beside the old one: keep twice the size of snapshots/ and 2 GiB free"
        yield Finding(check="disk", state=State.WARNING, told=told, advice=advice)
    else:
        yield Finding(check="disk", state=State.OK, told=told)


def _permissions(library: LibraryParts) -> Iterator[Finding]:
    folder = library.settings.library
    unwritable = [str(path) for path in (folder, *_written(library)) if path.exists() and not os.access(path, os.W_OK)]
    if unwritable:
        told = f"this user may not write {', '.join(unwritable)}"
        advice = (
            "the library can only be read: `chown` it to the user that runs lookalike, if that is not what you want"
        )
        yield Finding(check="permissions", state=State.WARNING, told=told, advice=advice)
    settings = folder / FILE_NAME
    if library.settings.admin_token and settings.exists() and settings.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        advice = f"run `chmod 600 {settings}`, or use API keys: only their hashes are kept"
        told = f"others may read {settings}, and there is an admin token"
        yield Finding(check="permissions", state=State.WARNING, told=told, advice=advice)
    if not unwritable:
        yield Finding(check="permissions", state=State.OK, told=f"{folder} can be written")


def _written(library: LibraryParts) -> list[Path]:
    settings = library.settings
    return [settings.library / "catalog.sqlite", settings.originals, settings.snapshots, settings.thumbnails]


def _database(library: LibraryParts) -> Iterator[Finding]:
    damage = library.catalog.damage_of_file()
    for told in damage:
        advice = "restore the newest backup (`lookalike restore`), or run `lookalike verify` to see how far it goes"
        yield Finding(check="database", state=State.PROBLEM, told=told, advice=advice)
    if not damage:
        counts = library.catalog.counts()
        yield Finding(check="database", state=State.OK, told=f"{library.catalog.describe}: {counts.live:,} images")


def _clock(library: LibraryParts) -> Iterator[Finding]:
    now = datetime.now(UTC)
    latest = library.catalog.images.browse(visibility=None, limit=1, readable=False).images
    advice = "set the clock (for example with `timedatectl set-ntp true`): keys expire and queries are deleted by it"
    if now < _EARLIEST:
        yield Finding(check="clock", state=State.PROBLEM, told=f"it is {now:%Y-%m-%d} here", advice=advice)
    elif latest and latest[0].uploaded_at > now + _AHEAD:
        told = f"it is {now:%Y-%m-%d %H:%M} UTC here, and an image was added at {latest[0].uploaded_at:%Y-%m-%d %H:%M}"
        yield Finding(check="clock", state=State.WARNING, told=told, advice=advice)
    else:
        yield Finding(check="clock", state=State.OK, told=f"{now:%Y-%m-%d %H:%M} UTC")


def _model(library: LibraryParts) -> Iterator[Finding]:
    live = library.require_live()
    least = least_cosine(library)
    if least is None:
        told = f"{live.name} is here; no image's file is at hand to compare its vectors with"
        yield Finding(check="model", state=State.WARNING, told=told, advice="run `lookalike sources`")
    elif least < LEAST_COSINE:
        told = f"{live.name} gives images other vectors here than those that are stored: cosine {least:.5f}"
        advice = (
            "choose the runtime that the library was indexed with (setting `runtime`), or run `lookalike index` anew"
        )
        yield Finding(check="model", state=State.PROBLEM, told=told, advice=advice)
    else:
        yield Finding(check="model", state=State.OK, told=f"{live.name} reproduces stored vectors: cosine {least:.6f}")


def _snapshot(library: LibraryParts) -> Iterator[Finding]:
    live = library.require_live()
    problems: list[str] = []
    snapshot = newest(library.settings.snapshots, live.fingerprint, catalog=library.catalog, problems=problems)
    for told in problems:
        advice = "run `lookalike index` without a folder: it publishes a new index from the catalog"
        yield Finding(check="snapshot", state=State.WARNING, told=told, advice=advice)
    behind = library.catalog.changes.sequence() - (snapshot.manifest.watermark if snapshot else 0)
    size = snapshot.manifest.size if snapshot else 0
    told = f"{size:,} vectors are indexed; {behind:,} changes since are searched exactly"
    if behind > max(_FEW_IMAGES, _LONG_TAIL * size):
        advice = (
            "run `lookalike index` without a folder, or wait for the service to publish: long tails make searches slow"
        )
        yield Finding(check="snapshot", state=State.WARNING, told=told, advice=advice)
    elif not problems:
        yield Finding(check="snapshot", state=State.OK, told=told)


def _moderation(library: LibraryParts) -> Iterator[Finding]:
    waiting = library.catalog.moderation.counts()[ModerationState.HELD]
    moderator = library.moderator  # opens every classifier that the setting names
    if moderator is None and not waiting:
        yield Finding(check="moderation", state=State.OK, told="new images are not moderated")
        return
    told = f"{waiting:,} images wait for review"
    if moderator is not None:
        told = f"{len(moderator.classifiers)} classifiers look at new images; {told}"
    advice = "decide about them: `lookalike moderation list`, or the page's review queue" if waiting else ""
    yield Finding(check="moderation", state=State.WARNING if waiting else State.OK, told=told, advice=advice)


def _limits(library: LibraryParts) -> Iterator[Finding]:
    del library
    files = most_open_files()
    if files < _FEW_FILES:
        told = f"this user may have {files:,} files and connections open"
        advice = "raise it to 65536: LimitNOFILE= in the systemd unit, or `ulimit -n`"
        yield Finding(check="limits", state=State.WARNING, told=told, advice=advice)
    else:
        yield Finding(check="limits", state=State.OK, told="as many files and connections may be open as are needed")


def _exposure(library: LibraryParts) -> Iterator[Finding]:
    has_keys = library.catalog.keys.are_there()
    working = sum(key.works_at(datetime.now(UTC)) for key in library.catalog.keys.list())
    if has_keys and not working:
        advice = "make one with `lookalike keys create NAME`"
        told = "every API key is revoked or expired: nobody can search"
        yield Finding(check="exposure", state=State.PROBLEM, told=told, advice=advice)
    elif has_keys:
        yield Finding(check="exposure", state=State.OK, told=f"{working:,} API keys work")
    else:
        told = f"there are no API keys: everybody who reaches {library.settings.host} may search"
        yield Finding(check="exposure", state=State.OK, told=told)
