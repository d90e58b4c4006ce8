"""What can be set, where it comes from, and what it means.

Later sources win: the defaults below, `library.toml` in the library's folder, environment variables `LOOKALIKE_NAME`,
command-line options.
"""

import os
import tomllib
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le
from platformdirs import user_cache_path, user_data_path
from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from lookalike.catalog import KEEP_REMOVED, parse_url, sqlite_url
from lookalike.errors import CallerError
from lookalike.preprocessing.limits import DEFAULT_LIMITS, PILLOW_WARNS_ABOVE, Limits

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


Folder = Annotated[Path, AfterValidator(user_path)]


def _text(default: str, meaning: str) -> Any:
    return Field(default=default, description=meaning)


def _number(default: int, meaning: str, *, least: int = 0, most: int | None = None) -> Any:
    return Field(default=default, description=meaning, ge=least, le=most)


class Settings(BaseSettings):
    """Every setting, with its default. Making one reads neither the environment nor a file: `load_settings` does."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    library: Folder = Field(description="The folder that holds one collection.")
    models: Folder = Field(description="Where pulled and imported models are kept.")
    catalog_url: str = _text(
        "",
        "The catalog's SQLAlchemy URL; empty for an SQLite file in the library. PostgreSQL: postgresql+psycopg://...",
    )
    model: str = _text("clip-vit-b16", "The model a new library is indexed with.")
    runtime: str = _text("auto", "What runs models: auto, openvino or onnxruntime.")
    threads: int = _number(0, "Threads for the model and for building indexes; 0 for every core.")
    max_image_bytes: int = _number(DEFAULT_LIMITS.max_bytes, "Larger files and uploads are refused.", least=1)
    max_image_pixels: int = _number(
        DEFAULT_LIMITS.max_pixels,
        "Images of more decoded pixels are refused before that; those that can be decoded at a fraction of their size"
        " (JPEG, TIFF, WebP) may have eight times as many.",
        least=1,
        most=PILLOW_WARNS_ABOVE,
    )
    max_image_side: int = _number(
        DEFAULT_LIMITS.max_side, "Images with a longer side, in pixels, are refused before they are decoded.", least=1
    )
    host: str = _text(
        "127.0.0.1", "The address `lookalike serve` listens on; `unix:PATH` for a unix socket instead of a port."
    )
    port: int = _number(8420, "The port `lookalike serve` listens on; 0 for any that is free.", most=65_535)
    allowed_hosts: str = _text("", "Host names, comma-separated, that the service answers to beside its address.")
    allowed_origins: str = _text(
        "",
        "Other sites, comma-separated, as in https://shop.example.com, whose pages may use the API (CORS); they send a"
        " key as a header, never the page's cookie.",
    )
    picture_urls: int = _number(
        0,
        "1 lets searches and uploads name a picture by a URL on the public internet, which the server then fetches.",
        most=1,
    )
    policies: str = _text(
        "not-itself, block-list, near-duplicates, verify",
        "What hits go through after ranking, in this order; docs/policies.md lists what there is.",
    )
    moderation: str = _text(
        "",
        "From which scores of classifiers new images are blurred, held for review or blocked, as in"
        " `nudity/explicit:blur=0.3|hold=0.6|block=0.95`; see docs/moderation.md.",
    )
    moderation_hold_untrusted: int = _number(
        0, "1 lets uploads wait for review unless they come with a key that has the scope `trusted`.", most=1
    )
    access_log: int = _number(
        0,
        "1 writes a JSON line for each request to stderr: path, status, time, key and query id.",
        most=1,
    )
    root_path: str = _text("", "The path a proxy serves the page and the API below, as in `/photos`.")
    trusted_proxies: str = _text(
        "",
        "Proxies whose `X-Forwarded-Prefix`, `-Proto`, `-Host` and `-For` are believed: addresses and networks,"
        " comma-separated, `unix` for a unix socket, `*` for everybody.",
    )
    keep_alive_seconds: int = _number(
        75, "A connection that sends no request for so long is closed; 0 closes each after one answer.", most=86_400
    )
    max_connections: int = _number(
        1000,
        "Open connections; at the limit, a new one takes the place of the one that has been idle longest.",
        least=1,
    )
    max_connections_per_client: int = _number(
        100, "Open connections of one address; proxies and programs on this machine may have all.", least=1
    )
    admin_token: str = Field(
        default="",
        description="If set, uploading, changing and deleting need `Authorization: Bearer TOKEN`.",
        repr=False,
    )
    max_concurrent_queries: int = _number(0, "Queries that run the model at once; 0 for what the model takes.")
    max_waiting_queries: int = _number(64, "Queries that may wait for their turn; more are answered 503.")
    decode_processes: int = _number(
        0,
        "Processes that decode pictures apart from the one that serves or indexes, each limited in memory and time; 0"
        " for none.",
        most=64,
    )
    thumbnail_bytes: int = _number(1024 * 1024 * 1024, "Disk space the thumbnails may take.")
    measure_recall_minutes: int = _number(
        60, "How often `serve` measures what share of the true nearest the latest searches found; 0 for never."
    )
    keep_queries_days: int = _number(90, "Queries nobody clicked on are forgotten after so many days; 0 keeps them.")
    keep_events_days: int = _number(0, "What people saw and clicked is forgotten after so many days; 0 keeps it.")
    centre_from_images: int = _number(
        500,
        "From so many public images on, what all images of the library have in common is taken out of their vectors"
        " when an index is published; 0 for never.",
    )
    keep_removed_days: int = _number(
        KEEP_REMOVED.days,
        "How many days what is removed stays in the bin: records of images whose files are gone, uploads without a"
        " record, and indexes of another catalog.",
        most=36_500,
    )

    @property
    def url(self) -> str:
        """The catalog's SQLAlchemy URL."""
        return self.catalog_url or sqlite_url(self.library.absolute() / "catalog.sqlite")

    @property
    def limits(self) -> Limits:
        """What pictures may be at most, tested before they are decoded."""
        return Limits(max_bytes=self.max_image_bytes, max_pixels=self.max_image_pixels, max_side=self.max_image_side)

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings' own
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller gives."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _no_fraction_and_no_truth_value(cls, value: Any) -> Any:
        """Pydantic would take `true` for 1 and 84.0 for 84."""
        if isinstance(value, bool | float):
            raise ValueError("neither text nor a whole number")  # noqa: TRY004 - pydantic passes on other errors
        return value


_IN_FILE = sorted(set(Settings.model_fields) - {"library"})


def load_settings(overrides: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from all sources.

    Args:
        overrides: from the command line, by field name; None means not given.
        environment: environment variables.

    Raises:
        CallerError: an unknown name in `library.toml`, or a value of the wrong kind or size; the message names where.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    variables = _Environment(environment)()
    library = user_path(given.get("library") or variables.get("library") or default_library())
    file = library / FILE_NAME
    sources = (
        _Source(_named, given | {"library": library}),
        _Source(lambda name: PREFIX + name.upper(), variables),
        _Source(lambda name: f"{file}: {name}", _from_file(file)),
        _Source(_named, {"models": _user_models() or library / "models"}),
    )
    try:
        settings = Settings(**ChainMap(*(source.values for source in sources)))
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise CallerError(f"{_where(str(first['loc'][0]), sources)}: {_mistake(first)}") from None
    try:
        parse_url(settings.url)
    except ValueError as fault:
        raise CallerError(f"{_where('catalog_url', sources)}: {fault}") from None
    return settings


class _Environment(EnvSettingsSource):
    """Settings among given environment variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        """Names are in capitals, as documented; other variables may differ from them in case only."""
        return {name.lower(): value for name, value in self._environment.items() if value and name.isupper()}


@dataclass(frozen=True, slots=True)
class _Source:
    """Values by setting, and how a message names the place of one."""

    place: Callable[[str], str]
    values: dict[str, Any]


def _named(name: str) -> str:
    return f"setting {name}"


def _where(name: str, sources: tuple[_Source, ...]) -> str:
    """The place that a setting's value comes from."""
    return next((source.place for source in sources if name in source.values), _named)(name)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise CallerError(f"{path}: is not text in UTF-8; save it again with that encoding") from None
    except (OSError, ValueError) as fault:
        raise CallerError(f"{path}: cannot be read as TOML: {fault}") from None
    for name in written:
        if name not in _IN_FILE:
            raise CallerError(f"{path}: {_unknown(name)}")
    return {name: value for name, value in written.items() if (name, value) != ("models", "")}


def _unknown(name: str) -> str:
    near = get_close_matches(name.lower(), _IN_FILE, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_IN_FILE)}"
    return f"unknown setting {name!r}; {meant}"


def _mistake(error: ErrorDetails) -> str:
    """What is wrong with a value, in words."""
    name, value = str(error["loc"][0]), error["input"]
    if error["type"] == "extra_forbidden":
        return _unknown(name)
    setting = Settings.model_fields[name]
    if error["type"] in {"greater_than_equal", "less_than_equal"}:
        least = next(limit.ge for limit in setting.metadata if isinstance(limit, Ge))
        most = next((limit.le for limit in setting.metadata if isinstance(limit, Le)), None)
        span = f"at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        return f"{value} must be {span}"
    return f"{value!r} is not {'a whole number' if setting.annotation is int else 'text'}"
