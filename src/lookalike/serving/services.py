"""The services and the settings of the API."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from lookalike.catalog import Catalog
from lookalike.errors import CallerError
from lookalike.indexing import Indexer
from lookalike.library.copy_search import CopySearch
from lookalike.library.live_experiments import LiveExperiments
from lookalike.library.parts import LibraryParts
from lookalike.preprocessing import Limits
from lookalike.retrieval import SearchEngine
from lookalike.settings import Settings

MIB = 1024 * 1024
_USUAL = Settings(library=Path(), models=Path())  # the one place where defaults are written down


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services that the API uses; the caller creates and closes them.

    Attributes:
        catalog: the truth.
        engine: answers searches.
        indexer: takes uploads.
        copies: looks for copies.
        experiments: starts experiments; None where that is done elsewhere.
    """

    catalog: Catalog
    engine: SearchEngine
    indexer: Indexer
    copies: CopySearch
    experiments: LiveExperiments | None = None

    @classmethod
    def of(cls, library: LibraryParts) -> Self:
        """The services of a library, which closes them.

        Raises:
            CallerError: the setting `moderation` makes no sense.
            ModelMissing: a classifier that it names is not on this machine: no upload could be taken.
        """
        library.moderator  # noqa: B018 - opened now
        return cls(
            catalog=library.catalog,
            engine=library.engine,
            indexer=library.indexer,
            copies=CopySearch.of(library),
            experiments=LiveExperiments.of(library),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSettings:
    """Settings of the API: addresses, permissions and limits. Defaults are those of `Settings`, where it has them.

    Attributes:
        host: address to listen on; `unix:PATH` for a unix socket.
        port: 0 takes any free one.
        thumbnails: folder of the thumbnail cache.
        thumbnail_bytes: maximum size of that cache on disk.
        max_body_bytes: maximum for any request; the default allows an image of 64 MiB and its multipart frame.
        max_json_bytes: maximum for a JSON body.
        header_seconds: time to receive a request's head; then the connection is closed.
        body_seconds: time to receive a request's body; then it is refused.
        body_idle_seconds: time to receive the next piece of a body.
        max_received_bytes: maximum for the bodies of all requests that are received or answered at a time.
        write_seconds: time for a client to read 48 KiB of an answer; then the connection is closed.
        max_connections: open connections; at the limit, a new one takes the place of one that is idle.
        max_connections_per_client: of one address; proxies and programs on this machine may have all.
        workers: number of searches and uploads that run the model at the same time.
        max_waiting: number of requests that may wait for them; further ones are answered with 503 `busy`.
        admin_token: if set, it is required for changes, and gives access to images that are not public. If None,
            everybody who can reach the server may change images (a laptop), and nobody sees private ones.
        allowed_hosts: host names that the server answers to, besides loopback names and `host`; `*` allows all.
        root_path: the path under which a proxy serves the app, such as `/photos`.
        trusted_proxies: addresses and networks whose `X-Forwarded-*` headers are trusted; see `TrustedProxies`.
        keep_alive_seconds: idle time after which a connection is closed; 0 closes it after each answer.
        allowed_origins: other sites, as `https://name`, whose pages may send requests.
        picture_urls: whether pictures may be named by a URL, which the server fetches.
        picture_limits: limits for pictures, checked before decoding.
        reserve: file that keeps space free on the library's disk, for deleting on a full one; None for none.
        retention: time after which queries without interactions are deleted; None keeps them.
        event_retention: time after which events are deleted; None keeps them.
        recall_seconds: interval of measuring recall on the latest searches; None for never.
        drain_seconds: time that requests may still run after the server was asked to stop.
        access_log: one JSON line a request, in the log `lookalike.serving.access`.
        hold_untrusted: uploads without a trusted key wait for review.
    """

    thumbnails: Path
    host: str = _USUAL.host
    port: int = _USUAL.port
    thumbnail_bytes: int = _USUAL.thumbnail_bytes
    max_body_bytes: int = _USUAL.max_image_bytes + MIB
    max_json_bytes: int = MIB
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    body_idle_seconds: float = 15.0
    max_received_bytes: int = 512 * MIB
    write_seconds: float = 30.0
    max_connections: int = _USUAL.max_connections
    max_connections_per_client: int = _USUAL.max_connections_per_client
    workers: int = 2
    max_waiting: int = _USUAL.max_waiting_queries
    admin_token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    keep_alive_seconds: int = _USUAL.keep_alive_seconds
    allowed_origins: tuple[str, ...] = ()
    picture_urls: bool = False
    picture_limits: Limits = field(default_factory=Limits)
    reserve: Path | None = None
    retention: timedelta | None = timedelta(days=_USUAL.keep_queries_days)
    event_retention: timedelta | None = None
    recall_seconds: float | None = 60.0 * _USUAL.measure_recall_minutes
    drain_seconds: int = 10
    access_log: bool = False
    hold_untrusted: bool = False

    @classmethod
    def of(cls, library: LibraryParts) -> Self:
        """As the library's settings say; as many searches at once as its model takes, where they leave it open."""
        settings = library.settings
        return cls(
            host=settings.host,
            port=settings.port,
            thumbnails=settings.thumbnails,
            reserve=None if settings.catalog_url else settings.library / "reserve",
            thumbnail_bytes=settings.thumbnail_bytes,
            workers=settings.max_concurrent_queries or library.encoder.concurrency,
            max_waiting=settings.max_waiting_queries,
            max_body_bytes=settings.max_image_bytes + MIB,
            admin_token=settings.admin_token or None,
            allowed_hosts=_listed(settings.allowed_hosts),
            allowed_origins=_origins(settings.allowed_origins),
            picture_urls=settings.picture_urls == 1,
            access_log=settings.access_log == 1,
            hold_untrusted=settings.moderation_hold_untrusted == 1,
            root_path=settings.root_path,
            trusted_proxies=_listed(settings.trusted_proxies),
            keep_alive_seconds=settings.keep_alive_seconds,
            max_connections=settings.max_connections,
            max_connections_per_client=settings.max_connections_per_client,
            picture_limits=library.limits,
            recall_seconds=60.0 * settings.measure_recall_minutes or None,
            retention=timedelta(days=settings.keep_queries_days) if settings.keep_queries_days else None,
            event_retention=timedelta(days=settings.keep_events_days) if settings.keep_events_days else None,
        )

    def __post_init__(self) -> None:
        if self.workers < 1 or self.max_waiting < 0:
            raise ValueError(f"workers={self.workers} must be at least 1, max_waiting={self.max_waiting} at least 0")
        if self.admin_token == "":
            raise ValueError("admin_token must not be empty: leave it out to leave management open")


def _origins(text: str) -> tuple[str, ...]:
    """The sites that a setting names, as browsers send them.

    Raises:
        CallerError: one is not `https://name` or `http://name`, with or without a port.
    """
    named = tuple(origin.rstrip("/").lower() for origin in _listed(text))
    for origin in named:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or f"{parts.scheme}://{parts.netloc}" != origin or not parts.hostname:
            raise CallerError(
                f"allowed_origins {origin[:80]!a}: give sites as in https://shop.example.com, without a path"
            )
    return named


def _listed(text: str) -> tuple[str, ...]:
    """What a setting names, between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
