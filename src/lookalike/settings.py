"""What can be set, where it comes from, and what it means.

Later sources win: the defaults below, `library.toml` in the library's folder, environment variables `LOOKALIKE_NAME`,
command-line options.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from platformdirs import user_cache_path, user_data_path

from lookalike.catalog import parse_url, sqlite_url
from lookalike.errors import CallerError
from lookalike.preprocessing.limits import PILLOW_WARNS_ABOVE

FILE_NAME = "library.toml"
PREFIX = "LOOKALIKE_"


def user_path(text: str | Path) -> Path:
    """A path as a person wrote it: `~` is the home folder, where there is one; any other name is taken as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for a file named `~x`


def default_library() -> Path:
    """The user's own library.

    Raises:
        CallerError: this user has no home folder.
    """
    try:
        return user_data_path("lookalike", appauthor=False) / "library"
    except RuntimeError:
        raise CallerError(
            "this user has no home folder, so there is no default library: name one with --library DIR or"
            " LOOKALIKE_LIBRARY"
        ) from None


def _user_models() -> Path | None:
    """Where a user's models are kept; None for a user who has no home folder."""
    try:
        return user_cache_path("lookalike", appauthor=False) / "models"
    except RuntimeError:
        return None


def _setting(default: Any, meaning: str, *, least: int = 0, most: int | None = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default. `meaning` in a field's metadata is what the documentation says."""

    library: Path = _setting(MISSING, "The folder that holds one collection.")
    models: Path = _setting(MISSING, "Where pulled and imported models are kept.")
    catalog_url: str = _setting(
        "",
        "The catalog's SQLAlchemy URL; empty for an SQLite file in the library. PostgreSQL: postgresql+psycopg://...",
    )
    model: str = _setting("clip-vit-b16", "The model a new library is indexed with.")
    runtime: str = _setting("auto", "What runs models: auto, openvino or onnxruntime.")
    threads: int = _setting(0, "Threads for the model and for building indexes; 0 for every core.")
    max_image_bytes: int = _setting(64 * 1024 * 1024, "Larger files and uploads are refused.", least=1)
    max_image_pixels: int = _setting(
        50_000_000,
        "Images of more decoded pixels are refused before that; those that can be decoded at a fraction of their size"
        " (JPEG, TIFF, WebP) may have eight times as many.",
        least=1,
        most=PILLOW_WARNS_ABOVE,
    )
    max_image_side: int = _setting(
        30_000, "Images with a longer side, in pixels, are refused before they are decoded.", least=1
    )
    host: str = _setting(
        "127.0.0.1", "The address `lookalike serve` listens on; `unix:PATH` for a unix socket instead of a port."
    )
    port: int = _setting(8420, "The port `lookalike serve` listens on; 0 for any that is free.", most=65_535)
    allowed_hosts: str = _setting("", "Host names, comma-separated, that the service answers to beside its address.")
    root_path: str = _setting("", "The path a proxy serves the page and the API below, as in `/photos`.")
    trusted_proxies: str = _setting(
        "",
        "Proxies whose `X-Forwarded-Prefix`, `-Proto`, `-Host` and `-For` are believed: addresses and networks,"
        " comma-separated, `unix` for a unix socket, `*` for everybody.",
    )
    keep_alive_seconds: int = _setting(
        75, "A connection that sends no request for so long is closed; 0 closes each after one answer.", most=86_400
    )
    admin_token: str = _setting("", "If set, uploading, changing and deleting need `Authorization: Bearer TOKEN`.")
    max_concurrent_queries: int = _setting(0, "Queries that run the model at once; 0 for what the model takes.")
    max_waiting_queries: int = _setting(64, "Queries that may wait for their turn; more are answered 503.")
    thumbnail_bytes: int = _setting(1024 * 1024 * 1024, "Disk space the thumbnails may take.")
    measure_recall_minutes: int = _setting(
        60, "How often `serve` measures what share of the true nearest the latest searches found; 0 for never."
    )
    keep_queries_days: int = _setting(90, "Queries nobody clicked on are forgotten after so many days; 0 keeps them.")
    keep_removed_days: int = _setting(
        30,
        "How many days what is removed stays in the bin: records of images whose files are gone, uploads without a"
        " record, and indexes of another catalog.",
        most=36_500,
    )

    @property
    def url(self) -> str:
        """The catalog's SQLAlchemy URL."""
        return self.catalog_url or sqlite_url(self.library.absolute() / "catalog.sqlite")

    @property
    def originals(self) -> Path:
        """Where uploaded bytes are kept."""
        return self.library / "originals"

    @property
    def snapshots(self) -> Path:
        """Where published indexes are kept."""
        return self.library / "snapshots"

    @property
    def thumbnails(self) -> Path:
        """Where thumbnails are cached."""
        return self.library / "thumbnails"


def load_settings(overrides: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from all sources.

    Args:
        overrides: from the command line, by field name; None means not given.
        environment: environment variables.

    Raises:
        CallerError: an unknown name in `library.toml`, or a value of the wrong kind or size; the message names where.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    from_environment = _from_environment(environment)
    library = user_path(given.get("library") or from_environment.get("library") or default_library())
    values: dict[str, Any] = {**_from_file(library / FILE_NAME), **from_environment, **given, "library": library}
    values["models"] = user_path(values.get("models") or _user_models() or library / "models")
    settings = Settings(**values)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    for setting in fields(Settings):
        value, least, most = getattr(settings, setting.name), setting.metadata["least"], setting.metadata["most"]
        if isinstance(value, int) and (value < least or (most is not None and value > most)):
            span = f"at least {least:,}" if most is None else f"from {least:,} to {most:,}"
            raise CallerError(f"setting {setting.name}: {value:,} must be {span}")
    try:
        parse_url(settings.url)
    except ValueError as fault:
        raise CallerError(f"setting catalog_url: {fault}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        variable = PREFIX + setting.name.upper()
        if environment.get(variable):
            values[setting.name] = _parsed(setting.name, environment[variable], where=variable)
    return values


def _from_file(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise CallerError(f"{path}: is not text in UTF-8; save it again with that encoding") from None
    except (OSError, ValueError) as fault:
        raise CallerError(f"{path}: cannot be read as TOML: {fault}") from None
    known = {setting.name for setting in fields(Settings)} - {"library"}
    unknown = sorted(set(written) - known)
    if unknown:
        raise CallerError(f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return {name: _parsed(name, value, where=f"{path}: {name}") for name, value in written.items()}


def _parsed(name: str, value: Any, *, where: str) -> Any:
    kind = get_type_hints(Settings)[name]
    if kind is int:
        try:
            if not isinstance(value, bool | float):
                return int(value)
        except (TypeError, ValueError):
            pass
        raise CallerError(f"{where}: {value!r} is not a whole number")
    if not isinstance(value, str):
        raise CallerError(f"{where}: {value!r} is not text")
    return Path(value) if kind is Path else value
