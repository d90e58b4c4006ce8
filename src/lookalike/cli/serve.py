"""`lookalike serve`."""

import contextlib
import logging
import sys
from typing import Annotated

import typer

from lookalike.cli.output import LibraryOption, console, default_of, faults_are_told, printable, settings_for
from lookalike.embedding.runtimes.session import available_cores
from lookalike.errors import LookalikeError
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.library.places import require_library
from lookalike.library.reproducing import require_reproduced
from lookalike.settings import Settings

_STOPPING_SECONDS = 30.0  # a worker gives its requests 10, and itself 10 more

HostOption = Annotated[
    str | None, typer.Option(help=f"Address to listen on, or unix:PATH for a unix socket. {default_of('host')}")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help=f"Port to listen on. {default_of('port')}")]
RootPathOption = Annotated[
    str | None, typer.Option(metavar="PATH", help="Path under which a proxy serves the page, such as /photos.")
]
AllowedHostsOption = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Further host names to answer to, comma-separated.")
]
TrustedProxiesOption = Annotated[
    str | None, typer.Option(metavar="ADDRESSES", help="Proxies whose X-Forwarded headers are trusted.")
]
KeepAliveOption = Annotated[
    int | None,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=86_400,
        help=f"Close idle connections after this time. {default_of('keep_alive_seconds')}",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=256,
        help="Serve by so many processes, which share the cores. One that ends is replaced; SIGHUP reads the settings"
        " anew without a pause.",
    ),
]
OpenOption = Annotated[
    bool, typer.Option("--open", help="Let everybody who reaches the address search, although there are no API keys.")
]
CreateOption = Annotated[bool, typer.Option("--create", help="Create an empty library if there is none.")]


def serve(
    *,
    library: LibraryOption = None,
    host: HostOption = None,
    port: PortOption = None,
    root_path: RootPathOption = None,
    allowed_hosts: AllowedHostsOption = None,
    trusted_proxies: TrustedProxiesOption = None,
    keep_alive: KeepAliveOption = None,
    create: CreateOption = False,
    workers: WorkersOption = None,
    is_open: OpenOption = False,
) -> None:
    """Serve the page and the HTTP API."""
    with faults_are_told(as_json=False):
        settings = settings_for(
            library,
            host=host,
            port=port,
            root_path=root_path,
            allowed_hosts=allowed_hosts,
            trusted_proxies=trusted_proxies,
            keep_alive_seconds=keep_alive,
        )
        require_library(settings, named=library is not None, create=create)
        if workers is not None and not _is_worker():
            with open_library(settings, create=True, mode="serving") as opened:
                _require_fit(opened, is_open=is_open)
            raise typer.Exit(_supervise(settings, workers))
        with open_library(settings, create=True, mode="serving") as opened:
            serve_library(opened, is_open=is_open)


def _is_worker() -> bool:
    from lookalike.serving import Inherited  # noqa: PLC0415 - other commands start sooner without FastAPI

    return Inherited.is_here()


def _supervise(settings: Settings, workers: int) -> int:
    """Serve by processes of their own; the exit code."""
    from lookalike.serving import Supervisor, listen, url_of  # noqa: PLC0415 - as above

    threads = settings.threads or max(1, available_cores() // workers)
    with listen(settings.host, settings.port) as listener:
        url = url_of(settings.host, listener)
        return Supervisor(
            [sys.executable, "-m", "lookalike", *sys.argv[1:]],
            count=workers,
            listener=listener,
            environment={"LOOKALIKE_THREADS": str(threads)},
            stopping_seconds=_STOPPING_SECONDS,
            all_ready=lambda: _tell(settings, url, f"  ({workers} workers; Ctrl-C stops)"),
        ).run()


def _tell(settings: Settings, url: str, how: str) -> None:
    console.print(printable(f"Serving {settings.library} at {url}{how}"), soft_wrap=True)


def serve_library(library: LibraryParts, *, is_open: bool = False) -> None:
    """Serve until told to stop; as one of several workers where this process was started as one.

    Args:
        library: to serve.
        is_open: also where other machines reach it and it has no keys.

    Raises:
        CallerError: other machines would reach it, and it has no keys.
        VectorsRefused: the model gives stored images other vectors here.
    """
    from lookalike.serving import (  # noqa: PLC0415 - as above
        ACCESS_LOG,
        Inherited,
        Services,
        ServingSettings,
        create_app,
        run,
    )

    if not Inherited.is_here():
        _require_fit(library, is_open=is_open)

    library.indexer.claim_library()  # so that an empty library is ready for its first upload
    settings = ServingSettings.of(library)
    if settings.access_log:
        _write_requests(ACCESS_LOG)
    app = create_app(Services.of(library), settings)
    if not Inherited.is_here():
        run(app, settings, listening=lambda url: _tell(library.settings, url, "  (Ctrl-C stops)"))
        return
    worker = Inherited.of_environment()
    with contextlib.suppress(LookalikeError):  # the server waits for what is missing
        library.engine.warm_up()  # before the first connection is accepted
    worker.end_with_parent()
    run(app, settings, listening=lambda _: worker.tell_ready(), listener=worker.listener)


def _require_fit(library: LibraryParts, *, is_open: bool) -> None:
    """Let a library be served where that is safe: see `serve_library`. Workers rely on what started them."""
    from lookalike.serving import require_guarded  # noqa: PLC0415 - as above

    require_guarded(library.settings.host, has_keys=library.catalog.keys.are_there(), is_open=is_open)
    if library.catalog.models.live() is not None:
        require_reproduced(library)


def _write_requests(name: str) -> None:
    """Write the lines of that log to stderr as they are, whatever is done with other logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
